/** What a `Cache` asks of what keeps its entries. */

import type { Lease } from "./load/options.js";
import type { MaybePromise } from "./promise.js";
import type { Generations } from "./tagged.js";
import type { CacheSetEntry, CacheStats, SetOptions } from "./types.js";

/**
 * What keeps the entries of a `Cache`: a `MemoryCache`, or an object of your own with these methods. Each may answer at
 * once or with a promise. A key that comes here has been checked, and has the namespace in front.
 *
 * A write to the provider itself, not through a `Cache`, is unknown to the loads of `getOrSet` and `cached`: a value that is
 * being loaded may then take the place of what was written.
 */
export interface Provider<V> {
  /** The value, or `undefined` if there is none. */
  get(key: string): MaybePromise<V | undefined>;
  /** `tags` come only to a provider that has `invalidateTags`. */
  set(
    key: string,
    value: V,
    options: SetOptions & { tags?: readonly string[] | Generations | undefined },
  ): MaybePromise<unknown>;
  /** True if there was an entry. */
  delete(key: string): MaybePromise<boolean>;
  has(key: string): MaybePromise<boolean>;
  /** The number of entries removed. The pattern is a Redis glob. */
  clearPattern(pattern: string): MaybePromise<number>;
  /** What was counted. A provider that answers at once may have `stats` instead. */
  getStats?(): MaybePromise<CacheStats>;
  stats?(): CacheStats;
  /** Without it, `get` is called for each key. */
  getMany?(keys: readonly string[]): MaybePromise<(V | undefined)[]>;
  /** Without it, `set` is called for each entry. */
  setMany?(entries: readonly CacheSetEntry<V>[]): MaybePromise<unknown>;
  /** Without it, `delete` is called for each key. */
  deleteMany?(keys: readonly string[]): MaybePromise<number>;
  /**
   * The value with what is left of its life, in **seconds**; `null`: it does not expire. Needed for stale values and early
   * loads, unless there is `ttl`.
   */
  getWithTtl?(key: string): MaybePromise<{ value: V; ttl: number | null } | undefined>;
  /** What is left of an entry's life, in **seconds**, for a provider that answers at once; `null`: it does not expire. */
  ttl?(key: string): number | null | undefined;
  /** Makes all entries with one of these tags absent. `Tagged` has it. */
  invalidateTags?(tags: readonly string[]): MaybePromise<unknown>;
  /** The state of these tags now, for a `set` whose value is made from now on. Needed beside `invalidateTags`. */
  generations?(tags: readonly string[]): MaybePromise<Generations>;
  /**
   * Takes the lease of `key` in the name of `holder` for so many **milliseconds**, unless somebody has it; with `null`, gives
   * it back if `holder` has it. Whether that was so. Needed for the option `lease`; but an `HttpCache` is enough as it is, and
   * a provider with `ttl`, which is of one process, needs none.
   */
  lease?: Lease | undefined;
  /** Called by `Cache.close`, if it is there. */
  close?(): MaybePromise<unknown>;
}

/** What a provider has counted. */
export function statsOf(provider: Pick<Provider<never>, "getStats" | "stats">): MaybePromise<CacheStats> {
  return provider.getStats ? provider.getStats() : (provider.stats?.() as CacheStats);
}
