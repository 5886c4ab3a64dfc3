import type { AdvisorFactory } from "./advisor/types.js";

/**
 * A time to live: a number of **seconds**, or a number with a unit: `"300ms"`, `"30s"`, `"5m"`, `"2h"`, `"7d"`. A text
 * without a unit is also in seconds.
 *
 * It is rounded up to whole milliseconds. Zero, negative numbers and `NaN` are refused. `Infinity` means no expiry.
 */
export type Ttl = number | string;

/** `T`, unless it is a literal that is not a ttl, such as `"-5m"`, `"1e3s"` or `"1h30m"`. */
type CheckedTtl<T> = T extends string
  ? string extends T
    ? T
    : T extends `-${string}` | `${string}${"e" | "E" | "x" | "o" | "b" | "+"}${string}`
      ? never
      : T extends `${number}` | `${number}${"ms" | "s" | "m" | "h" | "d"}`
        ? T
        : never
  : T;

/** Options of a write, or just a ttl. Literals that are not a ttl do not compile. */
export type Checked<O> = O extends object
  ? { readonly [N in keyof O]: N extends "ttl" | "staleFor" ? CheckedTtl<O[N]> : O[N] }
  : CheckedTtl<O>;

/** Why an entry left. */
export type RemovalReason =
  /** It was the least recently used when a limit was reached, or too large for one. */
  | "evicted"
  /** Its ttl has passed. */
  | "expired"
  /** A new value was set under its key. */
  | "replaced"
  /** It was deleted: by its key, by a pattern, by `clear`, or because the cache was closed. */
  | "deleted";

/** An entry that left. */
export interface Removal<V> {
  key: string;
  value: V;
  reason: RemovalReason;
}

/** Options of a `set`. */
export interface SetOptions {
  /**
   * How long the entry is fresh, in **seconds** or with a unit. `null`: it does not expire. Default: the cache's.
   */
  ttl?: Ttl | null | undefined;
  /**
   * The time at which the entry expires, instead of a ttl: a `Date`, or **milliseconds** since 1970 by the system
   * clock. If that time has passed, the entry under the key is removed, as if it had been stored and had expired.
   */
  expiresAt?: Date | number | undefined;
  /**
   * How long the entry is kept after its ttl, in **seconds** or with a unit, as stale: only `getOrSet` and cached functions
   * with `staleWhileRevalidate` or `staleIfError` see it then. Needs a ttl. Default: not at all.
   */
  staleFor?: Ttl | undefined;
}

/** The last argument of a write: options, or just a ttl. */
export type SetArgument = SetOptions | Ttl | null | undefined;

/** An entry as loads see it: fresh, or stale. */
export interface Entry<V> {
  readonly value: V;
  /** How long it is still fresh, in **milliseconds**; 0 or less if it is stale, `null` if it does not expire. */
  readonly freshFor: number | null;
  /**
   * The generations of its tags; an empty object if it has none. `undefined` from a provider that does not keep tags
   * next to the value: `Tagged` wraps the values there.
   */
  readonly tags?: Readonly<Record<string, number>> | undefined;
}

/** One of the entries of a `setMany`. */
export interface SetEntry<V> extends SetOptions {
  key: string;
  value: V;
}

/** Options of a `set` of a `Cache`. */
export interface CacheSetOptions extends SetOptions {
  /** The tags by which `invalidateTags` invalidates the entry, at most 64. Needs a provider that has tags: `Tagged`. */
  tags?: readonly string[] | undefined;
}

/** One of the entries of `setMany` of a `Cache`. */
export interface CacheSetEntry<V> extends CacheSetOptions {
  key: string;
  value: V;
}

/** Exact counts since the cache was created, and its current contents. */
export interface CacheStats {
  /** Lookups by `get` and `getMany` that found a fresh entry. */
  hits: number;
  /** Lookups that found none. */
  misses: number;
  /** `hits / (hits + misses)`; 0 before the first lookup. */
  hitRate: number;
  /** Entries written, new or over an old one. */
  sets: number;
  /** Fresh entries removed by `delete`, `deleteMany`, `clear` or `clearPattern`. */
  deletes: number;
  /** Entries removed to keep a limit, fresh or stale. */
  evictions: number;
  /** Entries removed because their ttl had passed; counted when they are removed. */
  expirations: number;
  /** The current number of fresh entries; `undefined` if the store does not report it cheaply. */
  entries: number | undefined;
  /** The sum of the sizes of all entries; `undefined` if they have no sizes. */
  bytes: number | undefined;
}

/**
 * The policy by which entries are evicted when a limit is reached.
 *
 * - `"lru"`: the least recently used one, exactly.
 * - `"s3fifo"`: entries that were used once leave before those that were used again, so that a scan over many keys does
 *   not push out the others. On recorded accesses, its hit ratio is about three percentage points higher than that of
 *   `"lru"`, and about one lower on those that suit LRU best. The keys of entries that were evicted early are
 *   remembered, up to nine tenths of the number of entries. Wherever the documentation mentions the order of last use,
 *   it is the order of eviction.
 */
export type Policy = "lru" | "s3fifo";

/** Options of a `MemoryCache`. */
export interface MemoryCacheOptions<V> {
  /**
   * The maximum number of entries, from 1 to 16,777,216, the capacity of a `Map`. `Infinity` means no limit beyond
   * that. Default: 1000, or no limit if there is `maxBytes`.
   */
  maxEntries?: number | undefined;
  /** The maximum sum of sizes. Needs `sizeOf`. Default: no limit. */
  maxBytes?: number | undefined;
  /** The maximum size of one entry. Needs `sizeOf`. Default: `maxBytes`. */
  maxEntryBytes?: number | undefined;
  /**
   * How a write handles an entry larger than `maxEntryBytes` or `maxBytes`: `"throw"` a `RangeError`, `"skip"` the
   * entry, or `"keep"` the old one. With the first two, an older value under its key is removed, because it could be
   * mistaken for the new one. Default: `"throw"`.
   */
  onOversize?: "throw" | "skip" | "keep" | undefined;
  /**
   * The size of an entry: an integer, at least 0. Called once for each write, before anything changes; if it throws,
   * nothing changes.
   */
  sizeOf?: ((value: V, key: string) => number) | undefined;
  /** The policy by which entries are evicted when a limit is reached. Default: `"lru"`. */
  policy?: Policy | undefined;
  /**
   * `advisor()`: the cache estimates its hit ratios at other sizes and under other policies, for `advise()`. It takes
   * 64 KiB, and up to 64 more while it samples. Default: no estimates.
   */
  advise?: AdvisorFactory | undefined;
  /** The ttl of entries that are written without one. Default: `null`, no expiry. */
  ttl?: Ttl | null | undefined;
  /** Whether `get` and `getMany` restart the ttl of an entry. Default: false. */
  touchOnGet?: boolean | undefined;
  /**
   * Keeps and returns deep copies, made by `structuredClone`, so that a cached value cannot be changed in place. It
   * costs about a microsecond for a small object, for each write and each hit. Default: false, values are kept by
   * reference.
   */
  clone?: boolean | undefined;
  /**
   * The time in milliseconds, from any origin. It is read only if some entry has a ttl. Default: a monotonic clock
   * (`performance.now`), which setting the system time does not change, and which may stand still while the machine is
   * suspended; `Date.now` while the program has replaced that, as fake timers do.
   */
  clock?: (() => number) | undefined;
  /**
   * Called for each entry that leaves, with the reason, when the operation that removed it is complete, so it may use
   * the cache. If it throws, the operation stands, all other entries are reported, and the first error is thrown to the
   * caller. If it returns a promise that rejects, the error is written to the console.
   */
  onRemoval?: ((removal: Removal<V>) => void) | undefined;
}

/** The form in which the engine runs: WebAssembly, or JavaScript translated from the same WebAssembly. */
export type EngineForm = "wasm" | "js";
