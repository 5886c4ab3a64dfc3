/**
 * A token bucket, over one counter. The rules are those of the Rust crate's `src/limiter/token_bucket.rs`.
 *
 * The counter holds the time at which the bucket will be full, in units of a fraction of a millisecond. Taking tokens moves
 * that time further away; a bucket that is full now has a time that has passed. This is the generic cell rate algorithm.
 */

import { type CounterProvider, counted } from "../counters.js";
import { readMany } from "../uncounted.js";
import { ttlFor } from "../write-options.js";
import type { Algorithm, Verdict } from "./algorithm.js";

/** The maximum number of units in a millisecond: times in units stay exact. */
const MAX_UNITS = 1000;
/** The longest time in which a bucket fills, and the latest time, in units. */
const MAX_FULL = 2 ** 52;

export class TokenBucket implements Algorithm {
  readonly window: number;
  readonly #counters: CounterProvider;
  readonly #suffix: string;
  /** The number of units in a millisecond. */
  readonly #units: number;
  /** The number of units in which one token comes back. */
  readonly #interval: number;
  /** The number of units in which an empty bucket becomes full. */
  readonly #full: number;

  constructor(counters: CounterProvider, limit: number, window: number) {
    if (typeof counters.incrementWithin !== "function") {
      throw new TypeError("isocache: the counters have no method incrementWithin, which a token bucket needs");
    }
    this.#counters = counters;
    // A bucket of another size or rate has another counter, because the units may differ.
    this.#suffix = `:${window}:bucket:${limit}`;
    const divisor = gcd(limit, window);
    if (limit / divisor <= MAX_UNITS) {
      [this.#units, this.#interval] = [limit / divisor, window / divisor];
    } else {
      // Rounded up, by less than a hundredth, so that tokens come no faster than requested.
      [this.#units, this.#interval] = [MAX_UNITS, Math.ceil((window * MAX_UNITS) / limit)];
      if (this.#interval < 100) {
        throw new RangeError(
          `isocache: limit must be at most 10 tokens in a millisecond, not ${limit} in ${window} ms`,
        );
      }
    }
    this.#full = this.#interval * limit;
    if (this.#full > MAX_FULL) {
      throw new RangeError(`isocache: window must be shorter than ${window} ms for a token bucket of ${limit}`);
    }
    this.window = Math.ceil(this.#full / this.#units);
  }

  async check(key: string, cost: number, time: number): Promise<Verdict> {
    const now = this.#now(time);
    const taken = await (this.#counters as Required<CounterProvider>).incrementWithin(
      key + this.#suffix,
      cost * this.#interval,
      // Twice the time, so that a machine whose clock is behind still finds the counter.
      { floor: now, ceiling: now + this.#full, ttl: ttlFor(this.#counters, 2 * this.window) },
    );
    return this.#verdict(taken.stored, taken.count, cost, now);
  }

  async peek(key: string, cost: number, time: number): Promise<Verdict> {
    const now = this.#now(time);
    const [found] = await readMany(this.#counters, this.keys(key));
    const fullAt = Math.max(counted(found), now);
    const allowed = this.#full - (fullAt - now) >= cost * this.#interval;
    return this.#verdict(allowed, fullAt, cost, now);
  }

  keys(key: string): string[] {
    return [key + this.#suffix];
  }

  left(): number {
    return this.window;
  }

  #now(time: number): number {
    const now = time * this.#units;
    if (now > MAX_FULL) {
      throw new RangeError(`isocache: clock must return a time in milliseconds since 1970, not ${time}`);
    }
    return now;
  }

  #verdict(allowed: boolean, fullAt: number, cost: number, now: number): Verdict {
    const missing = fullAt - now;
    const wait = allowed ? missing : missing + cost * this.#interval - this.#full;
    return {
      allowed,
      remaining: Math.floor((this.#full - missing) / this.#interval),
      resetAfter: Math.max(Math.ceil(wait / this.#units), allowed ? 0 : 1),
    };
  }
}

function gcd(a: number, b: number): number {
  return b === 0 ? a : gcd(b, a % b);
}
