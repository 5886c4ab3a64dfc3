/** Counters in a store. */

import { quote } from "./check.js";
import type { SetOptions } from "./types.js";

/** A store that counts: a `MemoryCache`, an `HttpCache`, a `Cache` over one, or an object of your own. */
export interface CounterProvider {
  /** Adds to a number, in one step, and returns the sum. A new one starts at 0 and gets the ttl. */
  increment(key: string, by: number, options: SetOptions): number | Promise<number>;
  /** The values under `keys`, in their order. */
  getMany(keys: readonly string[]): readonly unknown[] | Promise<readonly unknown[]>;
  /** Removes an entry, and tells whether there was one. For `RateLimiter.reset`. */
  delete?(key: string): boolean | Promise<boolean>;
}

/** The counters in a store. @throws TypeError if it cannot count. */
export function countersIn(store: CounterProvider, name: string): CounterProvider {
  for (const method of ["increment", "getMany"] as const) {
    if (typeof store?.[method] !== "function") {
      throw new TypeError(
        `isocache: ${name} must be a MemoryCache, a HttpCache or a Cache: it has no method ${method}`,
      );
    }
  }
  return store;
}

/** The count that a value is; 0 for none, and for less than 0. @throws TypeError for a value that is not a count. */
export function counted(count: unknown): number {
  if (count === undefined) {
    return 0;
  }
  if (!Number.isSafeInteger(count)) {
    throw new TypeError(`isocache: the key of a counter holds ${quote(count)}, which is not a count; delete it`);
  }
  return Math.max(count as number, 0);
}
