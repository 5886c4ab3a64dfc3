/** The provider of a `Cache`, which keeps its entries. */

import type { BoundedIncrement, IncrementWithinOptions } from "./counters.js";
import type { Generations } from "./generations.js";
import type { LeaseProvider } from "./load/options.js";
import type { MaybePromise } from "./promise.js";
import type { CacheSetEntry, CacheStats, Entry, SetOptions, Ttl } from "./types.js";
import { entryFor, optionsFor, type PublicOptions, type WriteOptions } from "./write-options.js";

/**
 * The provider that keeps the entries of a `Cache`: a `MemoryCache`, or your own object with these methods. Each may
 * return a result or a promise. A key that is passed to it has been checked, and includes the namespace.
 *
 * A write directly to the provider, not through a `Cache`, is unknown to the loads of `getOrSet` and `cached`: a value
 * that is being loaded may then replace the written one.
 */
export interface Provider<V> {
  // The type of values is inferred from `set` alone: inferred from results, it could become `undefined`.

  /** The value, or `undefined` if there is no fresh entry. */
  get(key: string): MaybePromise<NoInfer<V> | undefined>;
  /**
   * Stores a value. `ttl` is `null` for no expiry, `undefined` for the provider's default, or milliseconds with their
   * unit, such as `"300000ms"`; so is `staleFor`. `staleFor` is passed only to a provider that has `getEntry`, `tags`
   * only to one that has `invalidateTags` or `keepsTags`, `expiresAt` never.
   */
  set(key: string, value: V, options: PublicOptions): MaybePromise<unknown>;
  /** Removes an entry, fresh or stale. Returns whether there was a fresh one. */
  delete(key: string): MaybePromise<boolean>;
  /** Whether there is a fresh entry. */
  has(key: string): MaybePromise<boolean>;
  /** Removes the entries that match a Redis glob. Returns their number. */
  clearPattern(pattern: string): MaybePromise<number>;
  /** The counts. A synchronous provider may have `stats` instead. */
  getStats?(): MaybePromise<CacheStats>;
  stats?(): CacheStats;
  /** Without it, `get` is called for each key. */
  getMany?(keys: readonly string[]): MaybePromise<(NoInfer<V> | undefined)[]>;
  /** Without it, `set` is called for each entry. */
  setMany?(entries: readonly CacheSetEntry<V>[]): MaybePromise<unknown>;
  /** Without it, `delete` is called for each key. */
  deleteMany?(keys: readonly string[]): MaybePromise<number>;
  /**
   * The entry, fresh or stale; `undefined` if there is none. Needed for `staleWhileRevalidate` and `staleIfError`: a
   * provider with it keeps entries for `staleFor` after their ttl, and all its other methods then treat them as absent.
   */
  getEntry?(key: string): MaybePromise<Entry<NoInfer<V>> | undefined>;
  /**
   * The value, and for how many **seconds** it is still fresh; `null` if it does not expire. For `earlyRefresh`,
   * without `getEntry`.
   */
  getWithTtl?(key: string): MaybePromise<{ value: NoInfer<V>; ttl: number | null } | undefined>;
  /**
   * The remaining ttl of an entry in **seconds**; `null` if it does not expire, `undefined` if there is none. A
   * synchronous provider within one process does not need `getWithTtl` as well.
   */
  ttl?(key: string): MaybePromise<number | null | undefined>;
  /** The keys that match a Redis glob, each once, in any order. For `Cache.keys`. */
  keys?(pattern: string): Iterable<string> | AsyncIterable<string>;
  /**
   * Restarts the ttl of an entry; without `ttl`, with the default. Returns whether there is an entry. For
   * `Cache.touch`.
   */
  touch?(key: string, ttl?: Ttl | null): MaybePromise<boolean>;
  /** As `get` and `touch`, in one step. */
  getAndTouch?(key: string, ttl?: Ttl | null): MaybePromise<NoInfer<V> | undefined>;
  /** As `get` and `delete`, in one step. */
  getAndDelete?(key: string): MaybePromise<NoInfer<V> | undefined>;
  /** As `set`, but only if there is no fresh entry, in one step. Returns whether it was stored. */
  setIfAbsent?(key: string, value: V, options: SetOptions): MaybePromise<boolean>;
  /** As `set`, but only if there is a fresh entry, in one step. Returns whether it was stored. */
  replace?(key: string, value: V, options: SetOptions): MaybePromise<boolean>;
  /**
   * Adds to a number, in one step, and returns the sum. A new one starts at 0 and gets the ttl; an existing one keeps
   * its own.
   */
  increment?(key: string, by: number, options: SetOptions): MaybePromise<number>;
  /**
   * Raises a number to `floor`, adds to it, and stores the sum with the ttl unless it is above `ceiling`, in one step.
   */
  incrementWithin?(key: string, by: number, options: IncrementWithinOptions): MaybePromise<BoundedIncrement>;
  /** Without it, `has` is called for each key. */
  hasMany?(keys: readonly string[]): MaybePromise<boolean[]>;
  /** Removes entries. Returns for each key whether there was one. Without it, `delete` is called for each key. */
  deleteManyEach?(keys: readonly string[]): MaybePromise<boolean[]>;
  /** Invalidates all entries with one of these tags. `Tagged` has it. */
  invalidateTags?(tags: readonly string[]): MaybePromise<unknown>;
  /**
   * The current state of these tags, for a later `set` of a value that is made from now on. Needed with
   * `invalidateTags`.
   */
  generations?(tags: readonly string[]): MaybePromise<Generations>;
  /**
   * Whether `set` keeps the generations that it gets as `tags`, and `getEntry` and `getEntries` return them. If not,
   * `Tagged` stores them with the value.
   */
  readonly keepsTags?: boolean | undefined;
  /** The fresh entries under `keys`, in the same order. Needed with `keepsTags`. */
  getEntries?(keys: readonly string[]): MaybePromise<(Entry<NoInfer<V>> | undefined)[]>;
  /** The value, without counting a lookup. For `Tagged`, over a synchronous provider. */
  peek?(key: string): NoInfer<V> | undefined;
  /** @internal The fresh entries under `keys`, in the same order, without counting lookups. Needed with `keepsTags`. */
  peekEntries?(keys: readonly string[]): MaybePromise<(Entry<NoInfer<V>> | undefined)[]>;
  /** @internal As `getAndDelete`. */
  takeEntry?(key: string): MaybePromise<Entry<NoInfer<V>> | undefined>;
  /** @internal As `getAndTouch`. */
  touchEntry?(key: string, ttl?: Ttl | null): MaybePromise<Entry<NoInfer<V>> | undefined>;
  /** @internal As `setIfAbsent`. An entry for which `isDead` returns true also counts as absent. */
  setIfDead?(
    key: string,
    value: V,
    options: PublicOptions,
    isDead: (entry: Entry<NoInfer<V>>) => MaybePromise<boolean>,
  ): MaybePromise<boolean>;
  /**
   * Takes or releases a lease, for the option `lease`. An `HttpCache` has leases without it, and a provider with `ttl`,
   * which is within one process, needs none.
   */
  lease?: LeaseProvider["lease"] | undefined;
  /** Called by `Cache.close`. */
  close?(): MaybePromise<unknown>;
}

/** The counts of a provider. */
export function statsOf(provider: Pick<Provider<never>, "getStats" | "stats">): MaybePromise<CacheStats> {
  return provider.getStats ? provider.getStats() : (provider.stats?.() as CacheStats);
}

const REQUIRED = ["get", "set", "delete", "has", "clearPattern"] as const;

/** @throws TypeError for an object that lacks a method that every provider has. */
export function checkProvider<V>(provider: Provider<V>): void {
  const missing: string[] = REQUIRED.filter((name) => typeof provider?.[name] !== "function");
  if (typeof (provider?.getStats ?? provider?.stats) !== "function") {
    missing.push("getStats");
  }
  if (missing.length > 0) {
    throw new TypeError(
      `isocache: provider must be a MemoryCache, an HttpCache, a Tagged or an object of your own: it has no method ${missing.join(", ")}`,
    );
  }
}

/** @throws TypeError for a provider without tags. */
export function checkTagged<V>({ invalidateTags, generations }: Provider<V>): void {
  if (typeof invalidateTags !== "function" || typeof generations !== "function") {
    throw new TypeError("isocache: tags need a provider that has them: new Cache({ provider: new Tagged(provider) })");
  }
}

/** A method of a provider. @throws TypeError if it has none of this name, which `option` needs. */
export function methodOf<V, N extends keyof Provider<V>>(
  provider: Provider<V>,
  name: N,
  option: string = name,
): NonNullable<Provider<V>[N]> {
  const method: unknown = provider[name];
  if (typeof method !== "function") {
    const kind = provider.constructor?.name ?? "this one";
    throw new TypeError(`isocache: ${option} needs a provider with the method ${name}, which ${kind} does not have`);
  }
  return method.bind(provider);
}

const ONE = { getMany: "get", hasMany: "has", deleteManyEach: "delete" } as const;

/**
 * The results of a method for many keys, in the same order; if a provider lacks it, those of the method for one key.
 */
export function ofMany<V, N extends keyof typeof ONE>(
  provider: Provider<V>,
  name: N,
  keys: readonly string[],
): ReturnType<NonNullable<Provider<V>[N]>> {
  const many = provider[name] as ((keys: readonly string[]) => unknown) | undefined;
  const results = many ? many.call(provider, keys) : Promise.all(keys.map((key) => provider[ONE[name]](key)));
  return results as ReturnType<NonNullable<Provider<V>[N]>>;
}

/** Removes the entries under `keys`. Returns how many existed. */
export async function deleteMany<V>(provider: Provider<V>, keys: readonly string[]): Promise<number> {
  return provider.deleteMany?.(keys) ?? (await ofMany(provider, "deleteManyEach", keys)).filter(Boolean).length;
}

/** Stores an entry, or removes it if it has already expired. */
export function setOne<V>(provider: Provider<V>, entry: WriteOptions): MaybePromise<unknown> {
  const { key, value, ttl } = entry;
  return ttl === 0 ? provider.delete(key) : provider.set(key, value as V, optionsFor(provider, entry));
}

/** Stores every entry, as `setOne` does. */
export function setMany<V>(provider: Provider<V>, entries: readonly WriteOptions[]): MaybePromise<unknown> {
  return provider.setMany && !entries.some(({ ttl }) => ttl === 0)
    ? provider.setMany(entries.map((entry) => entryFor(provider, entry)))
    : Promise.all(entries.map((entry) => setOne(provider, entry)));
}
