/** Counters in a store. */

import { checkInteger, checkOptions, quote } from "./check.js";
import type { SetOptions, Ttl } from "./types.js";

/** Options of `incrementWithin`. The numbers are safe integers. */
export interface IncrementWithinOptions {
  /** The number is raised to this first, if it is lower. */
  floor: number;
  /** The sum is not stored if it is above this. */
  ceiling: number;
  /** How long a stored sum is kept from now, in **seconds** or with a unit. Default: the cache's ttl. */
  ttl?: Ttl | null | undefined;
}

/** The result of `incrementWithin`. */
export interface BoundedIncrement {
  /** Whether the sum was within the bounds and was stored. */
  stored: boolean;
  /** The sum, if it was stored. Otherwise the current count, or `floor` if that is greater. */
  count: number;
}

const MOST = Number.MAX_SAFE_INTEGER;

/** The options of `incrementWithin`, checked. */
export function checkedBounds(by: number, options: IncrementWithinOptions): IncrementWithinOptions {
  checkOptions(options, ["floor", "ceiling", "ttl"]);
  checkInteger("by", by, -MOST, MOST);
  checkInteger("floor", options.floor, -MOST, MOST);
  checkInteger("ceiling", options.ceiling, -MOST, MOST);
  return options;
}

/** A store that can count: a `MemoryCache`, an `HttpCache`, a `Cache` over one, or your own object. */
export interface CounterProvider {
  /** Adds to a number, in one step, and returns the sum. A new one starts at 0 and gets the ttl. */
  increment(key: string, by: number, options: SetOptions): number | Promise<number>;
  /** The values under `keys`, in the same order. */
  getMany(keys: readonly string[]): readonly unknown[] | Promise<readonly unknown[]>;
  /**
   * Raises a number to at least `floor`, adds to it, and stores the sum with the ttl unless it is above `ceiling`, all
   * in one step. For `RateLimiter.tokenBucket` and `SessionStore`.
   */
  incrementWithin?(
    key: string,
    by: number,
    options: IncrementWithinOptions,
  ): BoundedIncrement | Promise<BoundedIncrement>;
  /** Removes an entry, and returns whether it existed. For `RateLimiter.reset`. */
  delete?(key: string): boolean | Promise<boolean>;
}

/** The counters in a store. @throws TypeError if it cannot count. */
export function countersIn(store: CounterProvider, name: string): CounterProvider {
  for (const method of ["increment", "getMany"] as const) {
    if (typeof store?.[method] !== "function") {
      throw new TypeError(
        `isocache: ${name} must be a MemoryCache, an HttpCache or a Cache: it has no method ${method}`,
      );
    }
  }
  return store;
}

/**
 * Reads a value as a count; 0 for none, and for negative numbers. @throws TypeError for a value that is not a count.
 */
export function counted(count: unknown): number {
  if (count === undefined) {
    return 0;
  }
  if (!Number.isSafeInteger(count)) {
    throw new TypeError(`isocache: the key of a counter holds ${quote(count)}, which is not a count; delete it`);
  }
  return Math.max(count as number, 0);
}
