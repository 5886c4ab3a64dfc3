/**
 * Tags invalidate many entries at once, whatever their keys, at the cost of one counter. The stored format is that of
 * the Rust crate's `Tagged`.
 */

import { checkList, checkObject, checkOptions } from "./check.js";
import { type BoundedIncrement, type CounterProvider, countersIn, type IncrementWithinOptions } from "./counters.js";
import { Generations } from "./generations.js";
import { isEnvelope } from "./http/envelope.js";
import { leaseOf } from "./load/lease.js";
import type { LeaseProvider } from "./load/options.js";
import { shareSingleFlight } from "./load/single-flight.js";
import { ENTRY_OPTIONS, SET_OPTIONS } from "./option-names.js";
import { after, type MaybePromise } from "./promise.js";
import { methodOf, ofMany, type Provider, setMany, setOne, statsOf } from "./provider.js";
import { checkTags, TAG_PREFIX, TagCounters } from "./tag-counters.js";
import { freshEntry, keptEntry, opened, peekEntries, readEntries } from "./tagged-entries.js";
import type { CacheSetEntry, CacheStats, Entry, SetOptions, Ttl } from "./types.js";
import {
  optionsFor,
  type PublicOptions,
  resolve,
  resolveTtl,
  takeResolved,
  ttlFor,
  type WriteOptions,
  writeOptions,
} from "./write-options.js";

/** The number of keys that `keys` inspects together. */
const KEYS_AT_ONCE = 500;

/** The last argument of a `set` of `Tagged`. */
type Options = PublicOptions | Ttl | null | undefined;

/** Options of `Tagged`. */
export interface TaggedOptions {
  /** The provider that counts the generations. Default: the one that keeps the entries. */
  counters?: CounterProvider | undefined;
}

/**
 * A provider whose entries may have tags, over another provider. `cache.invalidateTags(["org:7"])` invalidates all
 * entries with that tag, in the time of one `increment`, however many there are, in all processes that share the store.
 *
 * ```js
 * import { Cache, MemoryCache, Tagged } from "isocache";
 *
 * const cache = new Cache({ provider: new Tagged(new MemoryCache()) });
 * await cache.set("user:1", { name: "Ada" }, { ttl: "5m", tags: ["org:7"] });
 * await cache.getOrSet("report:7", async () => "42 users", { tags: ["org:7", "reports"] }); // "42 users"
 * await cache.invalidateTags(["org:7"]);
 * await cache.get("user:1"); // undefined
 * await cache.has("report:7"); // false
 * ```
 *
 * Each tag has a generation, a counter under `tag:{tag}` next to the entries; namespaces of a `Cache` have the same
 * tags. An entry is stored with the generations that its tags had before its value was loaded, and is absent once one
 * of them has advanced. A lookup of an entry with tags costs one `getMany` of their counters; one without tags costs
 * nothing more, and is stored as it would be without `Tagged`.
 *
 * With a serializer other than JSON or MessagePack in an `HttpCache`, `counters` must be an `HttpCache` without it.
 * Statistics are those of the provider below, where a lookup of an invalidated entry counts as a hit. `clearPattern`
 * also counts entries as that provider does.
 *
 * The methods are those of the provider below, and treat an invalidated entry as absent. Methods that are one step are
 * also one step here over a `MemoryCache`, an `HttpCache`, and any synchronous provider.
 */
export class Tagged<V = unknown> implements Provider<V> {
  readonly #entries: Provider<unknown>;
  readonly #counters: TagCounters;
  /** Whether the generations are among the entries. */
  readonly #isShared: boolean;
  /** As in the provider of the entries. */
  readonly lease: LeaseProvider["lease"] | undefined;

  /** @throws TypeError for a provider that cannot count, if no `counters` are given. */
  constructor(entries: Provider<unknown>, options: TaggedOptions = {}) {
    takeResolved(Tagged);
    checkObject("entries", entries);
    checkOptions(options, ["counters"]);
    const { counters = entries as unknown as CounterProvider } = options;
    this.#counters = new TagCounters(countersIn(counters, options.counters ? "counters" : "entries"));
    this.#isShared = options.counters === undefined;
    this.#entries = entries;
    this.lease = leaseOf(entries);
    shareSingleFlight(this, entries);
  }

  /** The value under `key`, or `undefined`. */
  get<T extends V = V>(key: string): MaybePromise<NoInfer<T> | undefined> {
    return after(freshEntry(this.#entries, key), (entry) => this.#valueOf(entry)) as MaybePromise<T | undefined>;
  }

  /** The entry under `key`, fresh or stale; `undefined` if there is none. */
  getEntry(key: string): MaybePromise<Entry<NoInfer<V>> | undefined> {
    return after(keptEntry(this.#entries, key), (kept) => {
      const entry = opened(kept);
      return after(this.#valueOf(entry), (value) =>
        entry === undefined || value === undefined ? undefined : { value, freshFor: entry.freshFor },
      );
    });
  }

  /** The value under `key`, and for how many **seconds** it is still fresh; `null` if it does not expire. */
  getWithTtl(key: string): MaybePromise<{ value: NoInfer<V>; ttl: number | null } | undefined> {
    return after(this.getEntry(key), (entry) => {
      if (entry === undefined || (entry.freshFor !== null && entry.freshFor <= 0)) {
        return undefined;
      }
      return { value: entry.value, ttl: entry.freshFor === null ? null : entry.freshFor / 1000 };
    });
  }

  /** The remaining ttl of the entry under `key` in **seconds**; `null` if it does not expire, `undefined` if there is none. */
  ttl(key: string): MaybePromise<number | null | undefined> {
    const ttl = methodOf(this.#entries, "ttl");
    return after(this.has(key), (has) => (has ? ttl(key) : undefined));
  }

  /** The values under `keys`, in the same order. */
  async getMany<T extends V = V>(keys: readonly string[]): Promise<(NoInfer<T> | undefined)[]> {
    const entries = await this.#alive(await readEntries(this.#entries, keys));
    return entries.map((entry) => entry?.value as T | undefined);
  }

  /** Stores `value` under `key`, and replaces an older value. @throws as `generations`. */
  async set(key: string, value: V, options?: Options): Promise<void> {
    await setOne(this.#entries, await this.#write(key, value, options));
  }

  /** Stores every entry. @throws as `generations`. */
  async setMany(entries: readonly CacheSetEntry<V>[]): Promise<void> {
    checkList("entries", entries);
    const all = entries.map((entry) => {
      const options = resolve(entry, ENTRY_OPTIONS, undefined);
      // Those of one write are texts; generations come from loads, one at a time.
      const tags = (options.tags ?? []) as readonly string[];
      checkTags(tags);
      return { entry, options, tags };
    });
    const now = await this.#counters.started(all.flatMap(({ tags }) => tags));
    const stored = all.map(({ entry: { key, value }, options, tags }) => {
      const generations = new Generations(new Map(tags.map((tag) => [tag, now.get(tag) ?? 0])));
      return this.#stored(key, value, options, generations);
    });
    await setMany(this.#entries, stored);
  }

  /**
   * Stores `value` as `set` does, but only if there is no entry under `key`, in one step. Returns whether it was
   * stored.
   */
  async setIfAbsent(key: string, value: V, options?: Options): Promise<boolean> {
    const below = this.#entries;
    const setIfAbsent = methodOf(below, "setIfAbsent");
    const entry = await this.#write(key, value, options);
    if (entry.ttl === 0) {
      return !(await this.has(key));
    }
    const given = optionsFor(below, entry);
    if (below.setIfDead) {
      const isDead = (found: Entry<unknown>) => after(this.#alive([found]), ([alive]) => alive === undefined);
      return below.setIfDead(key, entry.value, given, isDead);
    }
    const store = () => setIfAbsent(key, entry.value, given);
    // If the provider is synchronous, nothing comes in between.
    return after(store(), (isStored) => {
      return isStored || after(this.has(key), (has) => !has && after(below.delete(key), store));
    });
  }

  /**
   * Stores `value` as `set` does, but only if there is an entry under `key`, in one step. Returns whether it was
   * stored.
   */
  async replace(key: string, value: V, options?: Options): Promise<boolean> {
    const replace = methodOf(this.#entries, "replace");
    const entry = await this.#write(key, value, options);
    if (entry.ttl === 0) {
      return this.delete(key);
    }
    return after(this.has(key), (has) => has && replace(key, entry.value, optionsFor(this.#entries, entry)));
  }

  /**
   * Restarts the ttl of the entry under `key` with `ttl`, by default the provider's. Returns whether there is an entry.
   */
  touch(key: string, ttl?: Ttl | null): MaybePromise<boolean> {
    const touch = methodOf(this.#entries, "touch");
    return after(this.has(key), (has) => has && touch(key, ttl));
  }

  /** The value under `key`, or `undefined`. Restarts its ttl with `ttl`, by default the provider's. In one step. */
  getAndTouch<T extends V = V>(key: string, ttl?: Ttl | null): MaybePromise<NoInfer<T> | undefined> {
    const below = this.#entries;
    if (below.touchEntry) {
      return after(below.touchEntry(key, ttl), (entry) => this.#valueOf(entry)) as MaybePromise<T | undefined>;
    }
    const touch = methodOf(below, "touch", "getAndTouch");
    // An invalid ttl changes and counts nothing.
    resolveTtl(ttl, undefined);
    return after(this.get<T>(key), (value) =>
      value === undefined ? value : after(touch(key, ttl), (isThere) => (isThere ? value : undefined)),
    );
  }

  /** Removes the entry under `key`, and returns its value or `undefined`, in one step. */
  getAndDelete<T extends V = V>(key: string): MaybePromise<NoInfer<T> | undefined> {
    const below = this.#entries;
    if (below.takeEntry) {
      return after(below.takeEntry(key), (entry) => this.#valueOf(entry)) as MaybePromise<T | undefined>;
    }
    return after(this.get<T>(key), (value) =>
      value === undefined ? value : after(below.delete(key), (isDeleted) => (isDeleted ? value : undefined)),
    );
  }

  /** Adds `by` to the number under `key`, in one step, and returns the sum. A counter has no tags. */
  increment(key: string, by = 1, options?: SetOptions | Ttl | null): MaybePromise<number> {
    const given = resolve(options, SET_OPTIONS, undefined);
    return methodOf(this.#entries, "increment")(key, by, optionsFor(this.#entries, given));
  }

  /** Adds `by` to the number under `key`, within bounds and in one step. A counter has no tags. */
  incrementWithin(key: string, by: number, options: IncrementWithinOptions): MaybePromise<BoundedIncrement> {
    const ttl = ttlFor(this.#entries, resolveTtl(options?.ttl, undefined));
    return methodOf(this.#entries, "incrementWithin")(key, by, { ...options, ttl });
  }

  /** Removes the entry under `key`. Returns whether there was one. */
  delete(key: string): MaybePromise<boolean> {
    return after(this.deleteManyEach([key]), ([deleted]) => deleted === true);
  }

  /** Removes the entries under `keys`. Returns how many existed. */
  deleteMany(keys: readonly string[]): MaybePromise<number> {
    return after(this.deleteManyEach(keys), (deleted) => deleted.filter(Boolean).length);
  }

  /** Removes the entries under `keys`. Returns for each, in order, whether it existed. */
  deleteManyEach(keys: readonly string[]): MaybePromise<boolean[]> {
    const remove = () => ofMany(this.#entries, "deleteManyEach", keys);
    return after(this.hasMany(keys), (has) =>
      after(remove(), (deleted) => deleted.map((one, at) => one && has[at] === true)),
    );
  }

  /** Whether there is an entry under `key`. */
  has(key: string): MaybePromise<boolean> {
    return after(this.hasMany([key]), ([has]) => has === true);
  }

  /** The same as `has`, under the name used by the Rust crate. */
  exists(key: string): MaybePromise<boolean> {
    return this.has(key);
  }

  /** Whether there is an entry under each of `keys`, in the same order. */
  hasMany(keys: readonly string[]): MaybePromise<boolean[]> {
    return after(this.#peeked(keys), (entries) => entries.map((entry) => entry !== undefined));
  }

  /** @internal As `getMany`, without counting lookups. */
  readMany(keys: readonly string[]): MaybePromise<unknown[]> {
    return after(this.#peeked(keys), (entries) => entries.map((entry) => entry?.value));
  }

  /** @internal As `getAndTouch`, without counting a lookup. */
  readAndTouch(key: string, ttl?: Ttl | null): MaybePromise<unknown> {
    const touch = methodOf(this.#entries, "touch", "getAndTouch");
    return after(this.readMany([key]), ([value]) =>
      value === undefined ? value : after(touch(key, ttl), (isThere) => (isThere ? value : undefined)),
    );
  }

  /** @internal As `getAndDelete`, without counting a lookup. */
  readAndDelete(key: string): MaybePromise<unknown> {
    return after(this.readMany([key]), ([value]) =>
      value === undefined ? value : after(this.#entries.delete(key), (isDeleted) => (isDeleted ? value : undefined)),
    );
  }

  /** The entries under `keys` whose tags have not been invalidated, without counting lookups. */
  #peeked(keys: readonly string[]): MaybePromise<(Entry<unknown> | undefined)[]> {
    return after(peekEntries(this.#entries, keys), (entries) => this.#alive(entries));
  }

  /** The keys, each once, in any order; with a Redis glob, those that match. The keys of generations are left out. */
  async *keys(pattern = "*"): AsyncGenerator<string, void, undefined> {
    let some: string[] = [];
    const alive = async () => {
      const has = await this.hasMany(some);
      return some.filter((_, at) => has[at]);
    };
    for await (const key of methodOf(this.#entries, "keys")(pattern)) {
      if (!(this.#isShared && key.startsWith(TAG_PREFIX))) {
        some.push(key);
      }
      if (some.length === KEYS_AT_ONCE) {
        yield* await alive();
        some = [];
      }
    }
    yield* await alive();
  }

  /** Removes all entries. */
  async clear(): Promise<void> {
    await this.clearPattern("*");
  }

  /**
   * Removes all entries whose key matches a Redis glob. Returns how many existed, as the provider below counts them.
   */
  clearPattern(pattern: string): MaybePromise<number> {
    return this.#entries.clearPattern(pattern);
  }

  /** The counts of the provider below. */
  getStats(): MaybePromise<CacheStats> {
    return statsOf(this.#entries);
  }

  /** Closes the provider below. */
  close(): MaybePromise<unknown> {
    return this.#entries.close?.();
  }

  /**
   * The current generations of tags. A value that is made from now on and `set` with them as its `tags` is absent if
   * one of them is invalidated in the meantime.
   *
   * @throws TypeError or RangeError for an invalid tag, and for more than 64.
   */
  async generations(tags: readonly string[] | Generations): Promise<Generations> {
    return this.#counters.generations(tags);
  }

  /**
   * Invalidates every entry with one of these tags.
   *
   * @throws TypeError or RangeError for an invalid tag (nothing was invalidated), or the error of a counter (the tags
   * before the failed one were invalidated).
   */
  async invalidateTags(tags: readonly string[]): Promise<void> {
    checkList("tags", tags);
    await this.#counters.invalidate(tags);
  }

  /** A checked write of an entry to the provider below. */
  async #write(key: string, value: V, options: Options): Promise<WriteOptions> {
    const given = resolve(options, SET_OPTIONS, undefined);
    return this.#stored(key, value, given, given.tags && (await this.#counters.generations(given.tags)));
  }

  /**
   * The write of an entry to the provider below: its value, with its tags unless the provider keeps them next to it.
   */
  #stored(key: string, value: V, options: WriteOptions, generations: Generations | undefined): WriteOptions {
    const below = this.#entries;
    const { ttl, staleFor } = options;
    if (staleFor > 0 && !below.getEntry) {
      throw new TypeError("isocache: staleWhileRevalidate and staleIfError need a provider with the method getEntry");
    }
    const isTagged = generations !== undefined && generations.of.size > 0;
    if (below.keepsTags) {
      return writeOptions(ttl, staleFor, isTagged ? generations : undefined, key, value);
    }
    // A value that would be read as one with tags is stored with an empty set of them.
    const whole = isTagged || isEnvelope(value) ? { value, tags: Object.fromEntries(generations?.of ?? []) } : value;
    return writeOptions(ttl, staleFor, undefined, key, whole);
  }

  /** The value of an entry, unless one of its tags was invalidated. */
  #valueOf(entry: Entry<unknown> | undefined): MaybePromise<V | undefined> {
    return after(this.#alive([entry]), ([alive]) => alive?.value as V | undefined);
  }

  /** Entries with their tags. Those with an invalidated tag become `undefined`. */
  #alive(found: readonly (Entry<unknown> | undefined)[]): MaybePromise<(Entry<unknown> | undefined)[]> {
    const entries = found.map(opened);
    const tags = entries.flatMap((entry) => Object.keys(entry?.tags ?? {}));
    if (tags.length === 0) {
      return entries;
    }
    return after(this.#counters.now(tags), (now) =>
      entries.map((entry) =>
        Object.entries(entry?.tags ?? {}).every(([tag, then]) => now.get(tag) === then) ? entry : undefined,
      ),
    );
  }
}
