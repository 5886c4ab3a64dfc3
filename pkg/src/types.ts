/**
 * How long an entry lives: a number of **seconds**, or a text with its unit: `"300ms"`, `"30s"`, `"5m"`, `"2h"`, `"7d"`.
 *
 * A part of a millisecond counts as a whole one. Zero, negative numbers and `NaN` are refused; `Infinity` is for ever.
 */
export type Ttl = number | `${number}${"ms" | "s" | "m" | "h" | "d"}`;

/** Why an entry left. */
export type RemovalReason =
  /** A limit was reached, and it was this entry's turn. */
  | "evicted"
  /** Its life was over. */
  | "expired"
  /** A new value was set under its key. */
  | "replaced"
  /** It was deleted, by its key, by a pattern or with all others. */
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
   * How long the entry is kept after its ttl, in **seconds** or with a unit, as stale: only `getOrSet` and cached functions
   * with `staleWhileRevalidate` or `staleIfError` see it then. Needs a ttl. Default: not at all.
   */
  staleFor?: Ttl | undefined;
}

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

/** Exact counts since the cache was made, and what there is now. */
export interface CacheStats {
  /** Lookups by `get` and `getMany` that found a live entry. */
  hits: number;
  /** Lookups that found none. */
  misses: number;
  /** `hits / (hits + misses)`; 0 before the first lookup. */
  hitRate: number;
  /** Entries written, new or over an old one. */
  sets: number;
  /** Live entries removed by `delete`, `deleteMany`, `clear` or `clearPattern`. */
  deletes: number;
  /** Live entries removed to keep a limit. */
  evictions: number;
  /** Entries that left because their life was over; counted when they leave. */
  expirations: number;
  /** Live entries now; `undefined` where the store does not tell cheaply. */
  entries: number | undefined;
  /** The sum of the sizes of the live entries; `undefined` where nothing is measured. */
  bytes: number | undefined;
}

/** Options of a `MemoryCache`. */
export interface MemoryCacheOptions<V> {
  /** The most entries, from 1 to 16,777,216 (what a JavaScript `Map` holds). Default: 1000. */
  maxEntries?: number | undefined;
  /** The largest sum of sizes. Needs `sizeOf`. Default: no such limit. */
  maxBytes?: number | undefined;
  /**
   * The size of an entry: a whole number from 0. Called once for each `set`, before anything is changed; if it throws,
   * nothing is. An entry larger than `maxBytes` by itself is refused with a `RangeError`.
   */
  sizeOf?: ((value: V, key: string) => number) | undefined;
  /** The life of entries that are set without one, in **seconds** or with a unit. Default: `null`, for ever. */
  ttl?: Ttl | null | undefined;
  /**
   * Keep and give out deep copies (`structuredClone`), so that nobody can change a cached value in place. It costs about
   * a microsecond for a small object, on each `set` and each hit. Default: false, values are kept by reference.
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
   * cache. If it throws, the operation stands, all other entries are reported, and the first error is thrown to the caller.
   */
  onRemoval?: ((removal: Removal<V>) => void) | undefined;
}
