/** Sessions that live for as long as they are used. */

import { checkFunction, checkOptions, checkValue, wrongType } from "./check.js";
import { systemNow } from "./clock.js";
import { CacheError } from "./http/errors.js";
import { keys } from "./key/patterns.js";
import { milliseconds } from "./ttl.js";
import type { SetOptions, Ttl } from "./types.js";

/** What keeps sessions: an `HttpCache`, or an object of your own. Each method is one step: nothing comes between. */
export interface TouchProvider<V> {
  set(key: string, value: V, options: SetOptions): unknown;
  delete(key: string): boolean | Promise<boolean>;
  /** The value under `key`, which lives for `ttl` from now; `undefined` if there is none. */
  getAndTouch(key: string, ttl: Ttl): V | undefined | Promise<V | undefined>;
  /** As `set`, if there is an entry under `key`; whether there was. */
  replace(key: string, value: V, options: SetOptions): boolean | Promise<boolean>;
}

/** Options of a `SessionStore`. */
export interface SessionStoreOptions {
  /** How long a session lives from its last use, in **seconds** or with a unit. */
  ttl: Ttl;
  /** How long a new session lives at most, however much it is used. Default: no such limit. */
  absoluteLimit?: Ttl | undefined;
  /** The time in milliseconds since 1970, for the absolute limit. Default: `Date.now`. */
  clock?: (() => number) | undefined;
}

const TOKEN = /^[0-9a-f]{64}(-(0|[1-9]\d{0,15}))?$/;

/**
 * Sessions under `session:{token}`, in a `MemoryCache` or an `HttpCache`; with Rust's `SessionStore`, too. Each lives for
 * `ttl` from its last use.
 *
 * A token has 256 random bits, and is a secret: no error shows one. Where sessions have an absolute limit, their end follows
 * after a `-`. What was destroyed stays so: a `get` or `update` that comes at the same time does not bring it back. Each use
 * is one round trip. What comes as a token and cannot be one is not looked up. Whoever can read the keys of the store can
 * use the sessions.
 *
 * ```js
 * import { MemoryCache, SessionStore } from "isocache";
 *
 * const sessions = new SessionStore(new MemoryCache({ maxEntries: 10_000 }), { ttl: "20m", absoluteLimit: "12h" });
 * const token = await sessions.create({ user: 1 });
 * await sessions.get(token); // { user: 1 }
 * await sessions.destroy(token); // true
 * await sessions.get(token); // undefined
 * ```
 *
 * Methods reject with what keeps the provider from answering.
 */
export class SessionStore<V = unknown> {
  readonly #provider: TouchProvider<V>;
  readonly #ttl: number;
  readonly #longest: number;
  readonly #clock: () => number;

  /** @throws TypeError or RangeError for an option of the wrong type or out of range, naming it. */
  constructor(provider: TouchProvider<V>, options: SessionStoreOptions) {
    checkOptions(options, ["ttl", "absoluteLimit", "clock"]);
    const { ttl, absoluteLimit = null, clock = systemNow } = options;
    checkFunction("clock", clock);
    this.#provider = provider;
    for (const name of ["set", "delete", "getAndTouch", "replace"] as const) {
      if (typeof this.#provider?.[name] !== "function") {
        throw new TypeError(`isocache: provider has no method ${name}`);
      }
    }
    this.#ttl = milliseconds(ttl);
    if (this.#ttl === Infinity) {
      throw new RangeError("isocache: ttl of sessions must end");
    }
    this.#longest = milliseconds(absoluteLimit);
    this.#clock = clock;
  }

  /** Begins a session; its token. */
  async create(value: V): Promise<string> {
    checkValue("session", value);
    const random = crypto.getRandomValues(new Uint8Array(32));
    const hex = Array.from(random, (byte) => byte.toString(16).padStart(2, "0")).join("");
    const end = Math.floor(this.#clock()) + this.#longest;
    const token = end === Infinity ? hex : `${hex}-${end}`;
    const life = Math.min(this.#ttl, this.#longest);
    await hiding(token, () => this.#provider.set(keys.session({ token }), value, { ttl: `${life}ms` }));
    return token;
  }

  /** The value of a session, which lives on; `undefined` if there is none, or it has ended. */
  async get(token: string): Promise<V | undefined> {
    const life = this.#life(token);
    return life === undefined
      ? undefined
      : hiding(token, () => this.#provider.getAndTouch(keys.session({ token }), life));
  }

  /** Gives a session a new value; false if there is none. It lives on. Of two updates at once, the later one stands. */
  async update(token: string, value: V): Promise<boolean> {
    checkValue("session", value);
    const ttl = this.#life(token);
    return ttl !== undefined && hiding(token, () => this.#provider.replace(keys.session({ token }), value, { ttl }));
  }

  /** Ends a session; true if there was one. */
  async destroy(token: string): Promise<boolean> {
    return endOf(token) !== undefined && hiding(token, () => this.#provider.delete(keys.session({ token })));
  }

  /** How long the session of a token lives from now; `undefined` if there can be none. */
  #life(token: string): Ttl | undefined {
    const end = endOf(token);
    const left = end === undefined ? 0 : end - (end === Infinity ? 0 : Math.floor(this.#clock()));
    return left > 0 ? `${Math.min(this.#ttl, left)}ms` : undefined;
  }
}

/** When the session of a token ends at the latest; `undefined` for what cannot be a token. */
function endOf(token: string): number | undefined {
  if (typeof token !== "string") {
    throw wrongType("token", "a string", token);
  }
  const parts = TOKEN.exec(token);
  return parts ? Number(parts[2] ?? Infinity) : undefined;
}

/** An error as anybody may see it: providers name keys. */
async function hiding<R>(token: string, work: () => R | Promise<R>): Promise<R> {
  try {
    return await work();
  } catch (error) {
    const { message, stack, key } = error as CacheError;
    if (!`${message} ${stack} ${key} ${error}`.includes(token.slice(0, 16))) {
      throw error;
    }
    const shown = `${message}`.replace(/[0-9a-f]{16,}/g, "...").replace(/^isocache: /, "");
    if (error instanceof CacheError) {
      throw new CacheError(error.code, shown);
    }
    const Kind = [TypeError, RangeError].find((kind) => error instanceof kind) ?? Error;
    throw new Kind(`isocache: ${shown}`);
  }
}
