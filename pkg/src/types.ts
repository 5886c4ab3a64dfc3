import type { AdvisorFactory } from "./advisor/types.js";

/**
 * A time to live: a number of **seconds**, or a number with a unit: `"300ms"`, `"30s"`, `"5m"`, `"2h"`, `"7d"`. A text without
 * a unit is in seconds, too.
 *
 * It is rounded up to whole milliseconds. Zero, negative numbers and `NaN` are refused. `Infinity` means no expiry.
 */
export type Ttl = number | string;

/** `T`, unless it is a literal that is no ttl, such as `"-5m"`, `"1e3s"` or `"1h30m"`. */
type CheckedTtl<T> = T extends string
  ? string extends T
    ? T
    : T extends `-${string}` | `${string}${"e" | "E" | "x" | "o" | "b" | "+"}${string}`
      ? never
      : T extends `${number}` | `${number}${"ms" | "s" | "m" | "h" | "d"}`
        ? T
        : never
  : T;

/** Options of a write, or a ttl alone, in which literals that are no ttl do not compile. */
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

/** What a `set` may say beside key and value. */
export interface SetOptions {
  /**
   * How long the entry is fresh, in **seconds** or with a unit. `null`: it does not expire. Default: the cache's.
   */
  ttl?: Ttl | null | undefined;
  /**
   * When the entry expires, instead of a ttl: a `Date`, or **milliseconds** since 1970 by the clock of the machine. If that
   * time has passed, the entry under the key is removed, as if it had been stored and had expired.
   */
  expiresAt?: Date | number | undefined;
  /**
   * How long the entry is kept after its ttl, in **seconds** or with a unit, as stale: only `getOrSet` and cached functions
   * with `staleWhileRevalidate` or `staleIfError` see it then. Needs a ttl. Default: not at all.
   */
  staleFor?: Ttl | undefined;
}

/** What a write takes as its last argument: options, or a ttl alone. */
export type SetArgument = SetOptions | Ttl | null | undefined;

/** An entry as loads see it: fresh, or stale. */
export interface Entry<V> {
  readonly value: V;
  /** How long it is still fresh, in **milliseconds**; 0 or less if it is stale. `null`: it does not expire. */
  readonly freshFor: number | null;
  /**
   * The generations of its tags; an empty object if it has none. `undefined` from a provider that does not keep tags beside
   * the value: `Tagged` wraps the values there.
   */
  readonly tags?: Readonly<Record<string, number>> | undefined;
}

/** One of the entries of a `setMany`. */
export interface SetEntry<V> extends SetOptions {
  key: string;
  value: V;
}

/** What an entry of a `Cache` may have beside key and value. */
export interface CacheSetOptions extends SetOptions {
  /** What the entry is invalidated by, with `invalidateTags`; at most 64. Needs a provider that has tags: `Tagged`. */
  tags?: readonly string[] | undefined;
}

/** One of the entries of `setMany` of a `Cache`. */
export interface CacheSetEntry<V> extends CacheSetOptions {
  key: string;
  value: V;
}

/** Exact counts since the cache was made, and its present contents. */
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
  /** Fresh entries removed to keep a limit. */
  evictions: number;
  /** Entries removed because their ttl had passed; counted when they are removed. */
  expirations: number;
  /** Fresh entries now; `undefined` if the store does not tell it cheaply. */
  entries: number | undefined;
  /** The sum of the sizes of all entries; `undefined` if they have no sizes. */
  bytes: number | undefined;
}

/**
 * Which entry is evicted when a limit is reached.
 *
 * - `"lru"`: the least recently used one, exactly.
 * - `"s3fifo"`: entries that were used once leave before those that were used again, so that a scan over many keys does not push
 *   out the others. On recorded accesses it finds about three percentage points more than `"lru"`, and loses about one on those
 *   that suit LRU best. The keys of entries that were evicted early are remembered, up to nine tenths of the number of entries.
 *   Where an order of entries is documented as that of their last use, it is the order of eviction.
 */
export type Policy = "lru" | "s3fifo";

/** Options of a `MemoryCache`. */
export interface MemoryCacheOptions<V> {
  /**
   * The most entries, from 1 to 16,777,216, which is what a `Map` holds. `Infinity`: no limit, except what a `Map` holds.
   * Default: 1000, or no limit if there is `maxBytes`.
   */
  maxEntries?: number | undefined;
  /** The largest sum of sizes. Needs `sizeOf`. Default: no limit. */
  maxBytes?: number | undefined;
  /** The largest size of one entry. Needs `sizeOf`. Default: `maxBytes`. */
  maxEntryBytes?: number | undefined;
  /**
   * What a write of an entry larger than `maxEntryBytes` or `maxBytes` does: `"throw"` a `RangeError`, `"skip"` the entry, or
   * `"keep"` the old one. With the first two, an older value under its key is removed, since it could be taken for the new
   * one. Default: `"throw"`.
   */
  onOversize?: "throw" | "skip" | "keep" | undefined;
  /**
   * The size of an entry: a whole number from 0. Called once for each write, before anything is changed; if it throws, nothing
   * is changed.
   */
  sizeOf?: ((value: V, key: string) => number) | undefined;
  /** Which entry is evicted when a limit is reached. Default: `"lru"`. With `"s3fifo"` at most 8,388,608 entries are kept. */
  policy?: Policy | undefined;
  /**
   * `advisor()`: the cache estimates what it would hit at other sizes and under other policies, for `advise()`. It takes
   * 64 KiB. Default: it does not.
   */
  advise?: AdvisorFactory | undefined;
  /** The ttl of entries that are written without one. Default: `null`, no expiry. */
  ttl?: Ttl | null | undefined;
  /** Whether `get` and `getMany` start the ttl of an entry again. Default: false. */
  touchOnGet?: boolean | undefined;
  /**
   * Keep and return deep copies, made by `structuredClone`, so that a cached value cannot be changed in place. It costs about
   * a microsecond for a small object, for each write and each hit. Default: false, values are kept by reference.
   */
  clone?: boolean | undefined;
  /**
   * The time in milliseconds, of any origin. It is read only if some entry has a ttl. Default: a monotonic clock
   * (`performance.now`), which setting the clock of the machine does not change, and which may stand still while the machine
   * is suspended; `Date.now` while the program has replaced that, as fake timers do.
   */
  clock?: (() => number) | undefined;
  /**
   * Called for each entry that leaves, with the reason, when the operation that made it leave is complete: it may use the
   * cache. If it throws, the operation stands, all other entries are reported, and the first error is thrown to the caller. If
   * it returns a promise that rejects, the error is written to the console.
   */
  onRemoval?: ((removal: Removal<V>) => void) | undefined;
}

/** How the engine runs: as WebAssembly, or as the JavaScript that was translated from the same WebAssembly. */
export type EngineForm = "wasm" | "js";
