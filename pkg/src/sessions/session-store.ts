/** Sessions with a sliding expiry. */

import { checkFunction, checkInteger, checkOptions, checkValue } from "../check.js";
import { systemNow } from "../clock.js";
import type { KeyValue } from "../key/pattern.js";
import { keys } from "../key/patterns.js";
import { milliseconds } from "../ttl.js";
import type { SetOptions, Ttl } from "../types.js";
import { readAndDelete, readAndTouch, readMany } from "../uncounted.js";
import { optionsFor, ttlFor, writeOptions } from "../write-options.js";
import { type IndexProvider, SessionIndex } from "./index.js";
import { claimsOf, hiding, newToken } from "./token.js";

/**
 * The provider of sessions: a `MemoryCache`, an `HttpCache`, a `Cache`, or your own object. Each method is one atomic
 * step.
 */
export interface TouchProvider<V> {
  set(key: string, value: V, options: SetOptions): unknown;
  delete(key: string): boolean | Promise<boolean>;
  /** The value under `key`; `undefined` if there is none. Restarts its ttl. */
  getAndTouch(key: string, ttl: Ttl): V | undefined | Promise<V | undefined>;
  /** As `set`, but only if there is an entry under `key`. Returns whether there was one. */
  replace(key: string, value: V, options: SetOptions): boolean | Promise<boolean>;
  /**
   * Removes the entry under `key`, and returns its value; `undefined` if there is none. For `rotate`, and for sessions
   * of users.
   */
  getAndDelete?(key: string): V | undefined | Promise<V | undefined>;
  /** The values under `keys`, in the same order. For sessions of users. */
  getMany?(keys: readonly string[]): readonly unknown[] | Promise<readonly unknown[]>;
  /** As in a `CounterProvider`. For sessions of users. */
  incrementWithin?: IndexProvider["incrementWithin"];
}

/** Options of a `SessionStore`. */
export interface SessionStoreOptions {
  /** A session ends after this time without use, in **seconds** or with a unit. */
  ttl: Ttl;
  /** A new session ends after this time, however much it is used. Default: no such limit. */
  absoluteLimit?: Ttl | undefined;
  /**
   * The maximum number of sessions of a user: a further one ends the oldest. From 1 to 1000; all stores that share
   * sessions must agree. Default: 100.
   */
  maxPerUser?: number | undefined;
  /** The time in milliseconds since 1970, for the absolute limit. Default: `Date.now`. */
  clock?: (() => number) | undefined;
}

/** Options of a new session. */
export interface SessionOptions {
  /** The user to whom the session belongs, for `all` and `destroyAll`. Needs `absoluteLimit`. Default: none. */
  user?: KeyValue | undefined;
}

/** A session of a user. */
export interface UserSession<V> {
  /** The token of the session. */
  token: string;
  /** The value of the session. */
  value: V;
}

/**
 * Sessions under `session:{token}`, in a `MemoryCache`, an `HttpCache` or a `Cache`; Rust's `SessionStore` reads the same
 * sessions. Each ends after `ttl` without use.
 *
 * A token has 256 random bits. It is a secret: no error shows one. A destroyed session stays destroyed: a concurrent
 * `get` or `update` does not bring it back. Each use is one round trip. Text that cannot be a token is not looked up.
 * Anyone who can read the keys of the store can use the sessions. Statistics of the provider count no lookups of
 * sessions.
 *
 * ```js
 * import { MemoryCache, SessionStore } from "isocache";
 *
 * const sessions = new SessionStore(new MemoryCache({ maxEntries: 10_000 }), { ttl: "20m", absoluteLimit: "12h" });
 * const token = await sessions.create({ name: "Ada" }, { user: 7 });
 * await sessions.get(token); // { name: "Ada" }
 * const fresh = await sessions.rotate(token);
 * await sessions.get(token); // undefined
 * (await sessions.all(7)).length; // 1
 * await sessions.destroyAll(7); // 1
 * await sessions.get(fresh); // undefined
 * ```
 *
 * Methods reject with any error of the provider.
 */
export class SessionStore<V = unknown> {
  readonly #provider: TouchProvider<V>;
  readonly #ttl: number;
  readonly #longest: number;
  readonly #perUser: number;
  readonly #clock: () => number;

  /** @throws TypeError or RangeError for an option of the wrong type or out of range, naming it. */
  constructor(provider: TouchProvider<V>, options: SessionStoreOptions) {
    checkOptions(options, ["ttl", "absoluteLimit", "maxPerUser", "clock"]);
    const { ttl, absoluteLimit = null, maxPerUser = 100, clock = systemNow } = options;
    checkFunction("clock", clock);
    this.#provider = provider;
    this.#need(["set", "delete", "getAndTouch", "replace"], "a SessionStore");
    this.#ttl = milliseconds(ttl);
    if (this.#ttl === Infinity) {
      throw new RangeError("isocache: ttl must be finite, since sessions have to end");
    }
    this.#longest = milliseconds(absoluteLimit, "absoluteLimit");
    this.#perUser = checkInteger("maxPerUser", maxPerUser, 1, 1000);
    this.#clock = clock;
  }

  /**
   * Begins a session, and returns its token. If its user has begun too many, the oldest ends.
   *
   * @throws TypeError for a `user` without `absoluteLimit`, or with a provider that cannot keep an index.
   */
  async create(value: V, options: SessionOptions = {}): Promise<string> {
    checkValue("session", value);
    checkOptions(options, ["user"]);
    const { user } = options;
    const index = user === undefined ? undefined : this.#index();
    const token = newToken({ end: this.#now() + this.#longest, ofUser: index !== undefined });
    const write = this.#optionsFor(Math.min(this.#ttl, this.#longest));
    // The session is stored before its place in the index, so that anyone who finds the place can end the session.
    await hiding(token, () => this.#provider.set(keys.session({ token }), value, write));
    if (user !== undefined && index !== undefined) {
      let oldest: string | undefined;
      try {
        oldest = await hiding(token, () => index.add(user, token, this.#longest));
      } catch (error) {
        // Nobody has its token. If it cannot be removed, it expires.
        await Promise.resolve(this.#provider.delete(keys.session({ token }))).catch(() => {});
        throw error;
      }
      if (oldest !== undefined) {
        await this.destroy(oldest);
      }
    }
    return token;
  }

  /** The value of a session; `undefined` if there is none, or it has ended. Restarts its ttl. */
  async get(token: string): Promise<V | undefined> {
    const ttl = this.#ttlOf(token);
    return ttl === undefined
      ? undefined
      : hiding(token, () => readAndTouch(this.#provider, keys.session({ token }), ttlFor(this.#provider, ttl) as Ttl));
  }

  /**
   * Replaces the value of a session, and restarts its ttl. Returns false if there is none. Of two concurrent updates,
   * the later one wins.
   */
  async update(token: string, value: V): Promise<boolean> {
    checkValue("session", value);
    const ttl = this.#ttlOf(token);
    return (
      ttl !== undefined &&
      hiding(token, () => this.#provider.replace(keys.session({ token }), value, this.#optionsFor(ttl)))
    );
  }

  /**
   * Gives a session a new token, and ends the old one at once. Returns `undefined` if there is no session, or if
   * another caller has rotated it. The session keeps its value, its user and its absolute end; its ttl restarts.
   *
   * Call it when the rights of a session change, such as after signing in, so that a token that was planted or seen
   * before becomes worthless. If it rejects, the session may have ended: its old token is removed before the new one is
   * stored, so that there are never two.
   */
  async rotate(token: string): Promise<string | undefined> {
    const claims = claimsOf(token);
    const ttl = this.#ttlOf(token);
    if (claims === undefined || ttl === undefined) {
      return undefined;
    }
    this.#need(["getAndDelete"], "rotate");
    const fresh = newToken(claims);
    const key = keys.session({ token: fresh });
    return hiding(token, () =>
      hiding(fresh, async () => {
        const index = claims.ofUser ? this.#index() : undefined;
        // Updates the place in the index first: a concurrent `destroyAll` then finds the new token, or it removes the
        // place.
        const place = await index?.replace(token, fresh, Math.max(claims.end - this.#now(), 1));
        if (index !== undefined && place === undefined) {
          return undefined;
        }
        const provider = this.#provider as Required<TouchProvider<V>>;
        const value = await readAndDelete<V>(provider, keys.session({ token }));
        if (value === undefined) {
          return undefined;
        }
        await provider.set(key, value, this.#optionsFor(ttl));
        if (index !== undefined && place !== undefined && !(await index.holds(place, fresh))) {
          // All sessions of the user have ended, or a newer one has taken its place.
          await provider.delete(key);
          return undefined;
        }
        return fresh;
      }),
    );
  }

  /** Ends a session. Returns whether there was one. */
  async destroy(token: string): Promise<boolean> {
    const claims = claimsOf(token);
    if (claims === undefined) {
      return false;
    }
    return hiding(token, async () => {
      const ended = await this.#provider.delete(keys.session({ token }));
      if (claims.ofUser) {
        await this.#index().forget(token);
      }
      return ended;
    });
  }

  /** The sessions of a user, the oldest first. This does not count as a use of them. */
  async all(user: KeyValue): Promise<UserSession<V>[]> {
    const tokens = (await this.#index().tokens(user)).filter((token) => this.#ttlOf(token) !== undefined);
    tokens.sort((a, b) => (claimsOf(a)?.end ?? 0) - (claimsOf(b)?.end ?? 0));
    const provider = this.#provider as Required<TouchProvider<V>>;
    const values = await hidingAll(tokens, () =>
      readMany(
        provider,
        tokens.map((token) => keys.session({ token })),
      ),
    );
    return tokens.flatMap((token, at) => (values[at] === undefined ? [] : [{ token, value: values[at] as V }]));
  }

  /**
   * Ends all sessions of a user, and returns their number. Sessions that begin or are rotated at the same time either
   * end too, or count as later ones. If it rejects, some sessions may still exist.
   */
  async destroyAll(user: KeyValue): Promise<number> {
    return this.#index().drain(user, (tokens) =>
      hidingAll(tokens, async () => {
        const ended = await Promise.all(tokens.map((token) => this.#provider.delete(keys.session({ token }))));
        return ended.filter(Boolean).length;
      }),
    );
  }

  #index(): SessionIndex {
    if (this.#longest === Infinity) {
      throw new TypeError("isocache: sessions of users need absoluteLimit, so that the index can forget them");
    }
    this.#need(["getMany", "getAndDelete", "incrementWithin"], "sessions of users");
    return new SessionIndex(this.#provider as unknown as IndexProvider, this.#perUser);
  }

  #need(methods: readonly (keyof TouchProvider<V>)[], what: string): void {
    for (const name of methods) {
      if (typeof this.#provider?.[name] !== "function") {
        throw new TypeError(`isocache: provider has no method ${name}, which ${what} needs`);
      }
    }
  }

  #now(): number {
    return Math.floor(this.#clock());
  }

  /** The options of a write with this ttl in milliseconds. */
  #optionsFor(ttl: number): SetOptions {
    return optionsFor(this.#provider, writeOptions(ttl));
  }

  /** The ttl of the session of a token from now in milliseconds; `undefined` if there can be no session. */
  #ttlOf(token: string): number | undefined {
    const end = claimsOf(token)?.end ?? 0;
    const left = end === Infinity ? end : end - this.#now();
    return left > 0 ? Math.min(this.#ttl, left) : undefined;
  }
}

/** As `hiding`, for several tokens. */
async function hidingAll<R>(tokens: readonly string[], work: () => R | Promise<R>): Promise<R> {
  return tokens.reduce<() => R | Promise<R>>((inner, token) => () => hiding(token, inner), work)() as Promise<R>;
}
