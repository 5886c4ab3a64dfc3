/**
 * The index of the sessions of a user, in the provider of the sessions. The rules are those of the Rust crate's
 * `src/sessions/index.rs`.
 *
 * Each user has a ring of places for tokens, `session-user:{user}:{place}`, and a counter, `session-user:{user}`, which gives
 * each new session the next place. So the index of a user does not grow beyond the ring, two sessions that begin at the same
 * time do not meet, and the session whose place is taken is the oldest. `session-owner:{token}` holds the key of the place of
 * a token. All of it expires with the absolute limit of the newest session.
 */

import type { CounterProvider } from "../counters.js";
import { type KeyValue, keyPattern } from "../key/pattern.js";
import type { SetOptions } from "../types.js";
import { readAndDelete, readMany } from "../uncounted.js";
import { optionsFor, ttlFor, writeOptions } from "../write-options.js";

const counterKey = /* @__PURE__ */ keyPattern("session-user:{user}");
const placeKey = /* @__PURE__ */ keyPattern("session-user:{user}:{place}");
const ownerKey = /* @__PURE__ */ keyPattern("session-owner:{token}");

/** The maximum number of times that the index of a user is read while sessions keep beginning. */
const MAX_ROUNDS = 100;

/** The methods of a provider that an index needs. */
export interface IndexProvider extends Required<Pick<CounterProvider, "incrementWithin" | "getMany">> {
  set(key: string, value: string, options: SetOptions): unknown;
  delete(key: string): boolean | Promise<boolean>;
  getAndDelete(key: string): unknown;
}

/** The index of the sessions of all users. */
export class SessionIndex {
  readonly #provider: IndexProvider;
  readonly #perUser: number;

  constructor(provider: IndexProvider, perUser: number) {
    this.#provider = provider;
    this.#perUser = perUser;
  }

  /** Adds the token of a new session, and returns the token that had its place before. `ttl` is in milliseconds. */
  async add(user: KeyValue, token: string, ttl: number): Promise<string | undefined> {
    // Unlike `increment`, it keeps the counter while there may be sessions.
    const bounds = { floor: 0, ceiling: Number.MAX_SAFE_INTEGER, ttl: ttlFor(this.#provider, ttl) };
    const { count } = await this.#provider.incrementWithin(counterKey({ user }), 1, bounds);
    const place = placeKey({ user, place: count % this.#perUser });
    const [old] = await readMany(this.#provider, [place]);
    await this.#write(place, token, ttl);
    return textOf(old);
  }

  /** The tokens of a user's sessions, both live and ended. */
  async tokens(user: KeyValue): Promise<string[]> {
    const found = await readMany(this.#provider, this.#ring(user));
    return found.map(textOf).filter((token) => token !== undefined);
  }

  /**
   * Removes the tokens of a user, and passes them to `end` in groups until none are left, including those of sessions
   * that begin in the meantime. Returns the sum of the results of `end`.
   */
  async drain(user: KeyValue, end: (tokens: string[]) => Promise<number>): Promise<number> {
    const ring = this.#ring(user);
    let ended = 0;
    for (let round = 0; round < MAX_ROUNDS; round++) {
      const found = await readMany(this.#provider, ring);
      const taken = ring.filter((_, at) => found[at] !== undefined).map((place) => this.#take(place));
      const tokens = (await Promise.all(taken)).filter((token) => token !== undefined);
      if (tokens.length === 0) {
        return ended;
      }
      await Promise.all(tokens.map((token) => this.forget(token)));
      ended += await end(tokens);
    }
    throw new Error("isocache: new sessions of this user kept beginning while all were being ended; try again");
  }

  /** Forgets which place a token has. */
  async forget(token: string): Promise<void> {
    await this.#provider.delete(ownerKey({ token }));
  }

  /**
   * Gives the place of a token to another one, and returns the key of the place; `undefined` if the token has none,
   * because its session has ended or is being rotated. Of several concurrent callers, only one gets it.
   */
  async replace(old: string, token: string, ttl: number): Promise<string | undefined> {
    const place = await this.#take(ownerKey({ token: old }));
    if (place !== undefined) {
      await this.#write(place, token, ttl);
    }
    return place;
  }

  /** Whether a place holds a token. */
  async holds(place: string, token: string): Promise<boolean> {
    const [found] = await readMany(this.#provider, [place]);
    return found === token;
  }

  async #write(place: string, token: string, ttl: number): Promise<void> {
    const options = optionsFor(this.#provider, writeOptions(ttl));
    await Promise.all([
      this.#provider.set(place, token, options),
      this.#provider.set(ownerKey({ token }), place, options),
    ]);
  }

  async #take(key: string): Promise<string | undefined> {
    return textOf(await readAndDelete(this.#provider, key));
  }

  #ring(user: KeyValue): string[] {
    return Array.from({ length: this.#perUser }, (_, place) => placeKey({ user, place }));
  }
}

function textOf(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}
