/**
 * Tags: many entries invalidated at once, whatever their keys, in the time of one counter. The stored format is that of the
 * Rust crate's `Tagged`.
 */

import { checkKey, checkList, checkObject, checkOptions, wrongType } from "./check.js";
import { type CounterProvider, counted, countersIn } from "./counters.js";
import { Generations, isGenerations } from "./generations.js";
import { isEnvelope } from "./http/envelope.js";
import { escapedValue } from "./key/value.js";
import { leaseOf } from "./load/lease.js";
import type { LeaseProvider } from "./load/options.js";
import { shareSingleFlight } from "./load/single-flight.js";
import { after, type MaybePromise } from "./promise.js";
import { deleteMany, ofMany, type Provider, setMany, setOne, statsOf } from "./provider.js";
import type { CacheSetEntry, CacheStats, Entry, Ttl } from "./types.js";
import { type PublicOptions, resolve, takeResolved, type WriteOptions, writeOptions } from "./write-options.js";

const SET_OPTIONS = ["ttl", "expiresAt", "staleFor", "tags"];
const ENTRY_OPTIONS = ["key", "value", ...SET_OPTIONS];
const MAX_TAGS = 64;
/** The most that a generation moves by: 2^53, where numbers cease to be exact, is trillions of invalidations away. */
const MAX_STEP = 2 ** 12;
/** Where generations begin: so far apart that one that was lost and begins again does not match entries from before. */
const MAX_START = 2 ** 40;

/** Options of `Tagged`. */
export interface TaggedOptions {
  /** The provider that counts the generations. Default: the one that keeps the entries. */
  counters?: CounterProvider | undefined;
}

/**
 * A provider whose entries may have tags, over another. `cache.invalidateTags(["org:7"])` makes all entries with that tag
 * absent, in the time of one `increment`, however many they are, in all processes that share the store.
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
 * Each tag has a generation, a counter under `tag:{tag}` beside the entries; namespaces of a `Cache` have the same tags. An
 * entry is stored with the generations that its tags had before its value was loaded, and is absent once one has moved on. A
 * lookup of an entry with tags costs one `getMany` of their counters; one without tags costs nothing more, and is stored as
 * it would be without `Tagged`.
 *
 * With another serializer than JSON in an `HttpCache`, `counters` must be an `HttpCache` without it. Statistics are those of
 * the provider below: a lookup of an entry that was invalidated is a hit there.
 */
export class Tagged<V = unknown> implements Provider<V> {
  readonly #entries: Provider<unknown>;
  readonly #counters: CounterProvider;
  /** Counters that are being started. */
  readonly #beginning = new Map<string, Promise<number>>();
  /** As in the provider of the entries. */
  readonly lease: LeaseProvider["lease"] | undefined;

  /** @throws TypeError for a provider that cannot count, where no `counters` are given. */
  constructor(entries: Provider<unknown>, options: TaggedOptions = {}) {
    takeResolved(Tagged);
    checkObject("entries", entries);
    checkOptions(options, ["counters"]);
    const { counters = entries as unknown as CounterProvider } = options;
    this.#counters = countersIn(counters, options.counters ? "counters" : "entries");
    this.#entries = entries;
    this.lease = leaseOf(entries);
    shareSingleFlight(this, entries);
  }

  get(key: string): MaybePromise<NoInfer<V> | undefined> {
    return after(this.#fresh(key), (entry) => this.#valueOf(entry));
  }

  getEntry(key: string): MaybePromise<Entry<NoInfer<V>> | undefined> {
    return after(this.#kept(key), (kept) => {
      const entry = opened(kept);
      return after(this.#valueOf(entry), (value) =>
        entry === undefined || value === undefined ? undefined : { value, freshFor: entry.freshFor },
      );
    });
  }

  getWithTtl(key: string): MaybePromise<{ value: NoInfer<V>; ttl: number | null } | undefined> {
    return after(this.getEntry(key), (entry) => {
      if (entry === undefined || (entry.freshFor !== null && entry.freshFor <= 0)) {
        return undefined;
      }
      return { value: entry.value, ttl: entry.freshFor === null ? null : entry.freshFor / 1000 };
    });
  }

  async getMany(keys: readonly string[]): Promise<(NoInfer<V> | undefined)[]> {
    const below = this.#entries;
    const found = below.keepsTags
      ? await below.getEntries?.(keys)
      : (await ofMany(below, "getMany", keys)).map(ageless);
    const entries = (found ?? []).map(opened);
    const now = await this.#now(new Set(entries.flatMap((entry) => Object.keys(entry?.tags ?? {}))));
    return entries.map((entry) => (isAlive(entry, now) ? (entry?.value as V | undefined) : undefined));
  }

  async set(key: string, value: V, options?: PublicOptions | Ttl | null): Promise<void> {
    const entry = resolve(options, SET_OPTIONS, undefined);
    const generations = entry.tags && (await this.generations(entry.tags));
    await setOne(this.#entries, this.#stored(key, value, entry, generations));
  }

  async setMany(entries: readonly CacheSetEntry<V>[]): Promise<void> {
    checkList("entries", entries);
    const all = entries.map((entry) => {
      const options = resolve(entry, ENTRY_OPTIONS, undefined);
      // Those of one write have texts; generations come from loads, one at a time.
      const tags = (options.tags ?? []) as readonly string[];
      checkTags(tags);
      return { entry, options, tags };
    });
    const now = await this.#begun(new Set(all.flatMap(({ tags }) => tags)));
    const stored = all.map(({ entry: { key, value }, options, tags }) => {
      const generations = new Generations(new Map(tags.map((tag) => [tag, now.get(tag) ?? 0])));
      return this.#stored(key, value, options, generations);
    });
    await setMany(this.#entries, stored);
  }

  delete(key: string): MaybePromise<boolean> {
    return this.#entries.delete(key);
  }

  deleteMany(keys: readonly string[]): MaybePromise<number> {
    return deleteMany(this.#entries, keys);
  }

  has(key: string): MaybePromise<boolean> {
    return after(this.get(key), (value) => value !== undefined);
  }

  clearPattern(pattern: string): MaybePromise<number> {
    return this.#entries.clearPattern(pattern);
  }

  getStats(): MaybePromise<CacheStats> {
    return statsOf(this.#entries);
  }

  close(): MaybePromise<unknown> {
    return this.#entries.close?.();
  }

  /**
   * The generations that tags have now. A value that is made from now on and `set` with them as its `tags` is absent if one
   * of them is invalidated meanwhile.
   *
   * @throws TypeError or RangeError for an invalid tag, and for more than 64.
   */
  async generations(tags: readonly string[] | Generations): Promise<Generations> {
    if (isGenerations(tags)) {
      return tags;
    }
    checkTags(tags);
    return new Generations(await this.#begun(new Set(tags)));
  }

  /**
   * Makes every entry with one of these tags absent.
   *
   * @throws TypeError or RangeError for an invalid tag; nothing was invalidated then. The error of a counter: tags before the
   * one that failed were invalidated.
   */
  async invalidateTags(tags: readonly string[]): Promise<void> {
    checkList("tags", tags);
    for (const key of tags.map(generationKey)) {
      await this.#countOn(key);
    }
  }

  /** The write of an entry to the provider below: of its value, with its tags unless the provider keeps them beside it. */
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
    // A value that would be read as one with tags is stored with none.
    const whole = isTagged || isEnvelope(value) ? { value, tags: Object.fromEntries(generations?.of ?? []) } : value;
    return writeOptions(ttl, staleFor, undefined, key, whole);
  }

  /** The fresh entry under a key. */
  #fresh(key: string): MaybePromise<Entry<unknown> | undefined> {
    const below = this.#entries;
    if (below.keepsTags && below.getEntries) {
      return after(below.getEntries([key]), ([entry]) => opened(entry));
    }
    return after(below.get(key), (value) => opened(ageless(value)));
  }

  /** The entry under a key, be it fresh or stale. */
  #kept(key: string): MaybePromise<Entry<unknown> | undefined> {
    const below = this.#entries;
    if (below.getEntry) {
      return below.getEntry(key);
    }
    const timed = (value: unknown, ttl: number | null | undefined) =>
      value === undefined ? undefined : { value, freshFor: ttl === null || ttl === undefined ? null : ttl * 1000 };
    if (below.getWithTtl) {
      return after(below.getWithTtl(key), (found) => timed(found?.value, found?.ttl));
    }
    if (below.ttl) {
      return timed(below.get(key), below.ttl(key) as number | null | undefined);
    }
    throw new TypeError("isocache: earlyRefresh needs a provider with the method getEntry");
  }

  /** The value of an entry, unless one of its tags was invalidated. */
  #valueOf(entry: Entry<unknown> | undefined): MaybePromise<V | undefined> {
    const tags = Object.keys(entry?.tags ?? {});
    const value = entry?.value as V | undefined;
    return tags.length === 0
      ? value
      : after(this.#now(new Set(tags)), (now) => (isAlive(entry, now) ? value : undefined));
  }

  /** The generations of tags; 0 for those that have none. */
  #now(tags: ReadonlySet<string>): MaybePromise<Map<string, number>> {
    const all = [...tags];
    const keys = all.map(generationKey);
    return after(keys.length === 0 ? [] : this.#counters.getMany(keys), (counts) => {
      return new Map(all.map((tag, at) => [tag, counted(counts[at])]));
    });
  }

  /** The generations of tags; those that had none get one. */
  async #begun(tags: ReadonlySet<string>): Promise<Map<string, number>> {
    const now = await this.#now(tags);
    for (const [tag, generation] of now) {
      now.set(tag, generation || (await this.#begin(generationKey(tag))));
    }
    return now;
  }

  async #countOn(key: string): Promise<void> {
    const step = stepOf(MAX_STEP);
    if ((await this.#counters.increment(key, step, NO_TTL)) === step) {
      await this.#setOff(key);
    }
  }

  /** Moves a counter far from where a lost one may have been. */
  #setOff(key: string): MaybePromise<number> {
    return this.#counters.increment(key, stepOf(MAX_START), NO_TTL);
  }

  /**
   * The generation of a tag that had none. Writers that need a new tag at the same time wait for one start: a start of their
   * own would end the entries of the one before.
   */
  #begin(key: string): MaybePromise<number> {
    let begun = this.#beginning.get(key);
    if (begun === undefined) {
      const begin = async () => {
        // Another start may have ended between the lookup and now.
        const [known] = await this.#counters.getMany([key]);
        return counted(known) || this.#setOff(key);
      };
      begun = begin().finally(() => this.#beginning.delete(key));
      this.#beginning.set(key, begun);
    }
    return begun;
  }
}

const NO_TTL = { ttl: null };

function stepOf(most: number): number {
  return 1 + Math.floor(Math.random() * most);
}

function checkTags(tags: readonly string[]): void {
  checkList("tags", tags);
  if (tags.length > MAX_TAGS) {
    throw new RangeError(`isocache: tags has ${tags.length} tags, more than ${MAX_TAGS}`);
  }
}

/** The key of the generation of a tag. */
function generationKey(tag: string): string {
  if (typeof tag !== "string") {
    throw wrongType("a tag", "a string", tag);
  }
  if (tag === "") {
    throw new RangeError("isocache: tags has an empty tag");
  }
  const key = `tag:${escapedValue("tag", tag)}`;
  checkKey(key);
  return key;
}

/** An entry whose age does not matter. */
function ageless(value: unknown): Entry<unknown> | undefined {
  return value === undefined ? undefined : { value, freshFor: null };
}

/** An entry with its tags, which its value may hold. */
function opened(entry: Entry<unknown> | undefined): Entry<unknown> | undefined {
  if (entry === undefined || entry.tags !== undefined || !isEnvelope(entry.value)) {
    return entry;
  }
  const { value, tags = {} } = entry.value;
  return { value, freshFor: entry.freshFor, tags };
}

function isAlive(entry: Entry<unknown> | undefined, now: ReadonlyMap<string, number>): boolean {
  return Object.entries(entry?.tags ?? {}).every(([tag, then]) => now.get(tag) === then);
}
