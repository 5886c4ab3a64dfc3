/** Counters in a store. */

import type { MemoryCache } from "./memory-cache.js";
import { isBranded } from "./shared.js";
import type { SetOptions } from "./types.js";

/** What counts: an `HttpCache`, or an object of your own whose `increment` loses nothing between callers. */
export interface CounterProvider {
  /** Adds to a number, and gives the sum. One that is not there begins at 0, and lives for the ttl. */
  increment(key: string, by: number, options: SetOptions): number | Promise<number>;
  /** The values under keys, in their order. */
  getMany(keys: readonly string[]): readonly unknown[] | Promise<readonly unknown[]>;
}

/** The counters in a store. @throws TypeError if it cannot count. */
export function countersIn(store: CounterProvider | MemoryCache, name: string): CounterProvider {
  const counters = isBranded<MemoryCache>(store, "MemoryCache") ? inMemory(store) : store;
  for (const method of ["increment", "getMany"] as const) {
    if (typeof counters?.[method] !== "function") {
      throw new TypeError(`isocache: ${name} has no method ${method}`);
    }
  }
  return counters;
}

/** The count of a value; 0 for none, and for less. @throws TypeError for what is no count. */
export function counted(count: unknown): number {
  if (count === undefined) {
    return 0;
  }
  if (!Number.isSafeInteger(count)) {
    throw new TypeError("isocache: the key of a counter holds something else");
  }
  return Math.max(count as number, 0);
}

/** Nothing comes between two calls of a synchronous cache. */
function inMemory(cache: MemoryCache): CounterProvider {
  return {
    getMany: (keys) => cache.getMany(keys),
    increment(key, by, options) {
      const sum = counted(cache.get(key)) + by;
      cache.set(key, sum, options);
      return sum;
    },
  };
}
