/**
 * Tags: many entries invalidated at once, whatever their keys, in the time of one counter. What is stored is what the Rust
 * crate's `Tags` stores.
 */

import { checkKey, checkList, checkObject, checkOptions, quote, wrongType } from "./check.js";
import { type CounterProvider, counted, countersIn } from "./counters.js";
import { CacheError } from "./http/errors.js";
import { escapedValue } from "./key/value.js";
import { leaseOf } from "./load/lease.js";
import type { Lease } from "./load/options.js";
import { shareSingleFlight } from "./load/single-flight.js";
import type { MemoryCache } from "./memory-cache.js";
import { after, type MaybePromise } from "./promise.js";
import { type Provider, statsOf } from "./provider.js";
import type { CacheSetEntry, CacheStats, SetEntry, SetOptions } from "./types.js";

const MAX_TAGS = 64;
/** How far a generation moves at the most: 2^53, where numbers end to be exact, is trillions of invalidations away. */
const MAX_STEP = 2 ** 12;
/** Where generations begin: so far apart that one which was lost, and began anew, does not meet entries from before. */
const MAX_START = 2 ** 40;

/** What is stored of a tagged value. */
export interface TaggedEntry<V> {
  readonly value: V;
  /** The generation of each tag. */
  readonly tags: Readonly<Record<string, number>>;
}

/** Tags with the generations that they had at some time. */
export class Generations {
  /** @internal */
  constructor(
    /** @internal */
    readonly of: ReadonlyMap<string, number>,
  ) {}
}

/** Options of `Tagged`. */
export interface TaggedOptions {
  /** What counts the generations. Default: what keeps the entries. */
  counters?: CounterProvider | MemoryCache | undefined;
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
 * entry is stored with the generations that its tags had before its value was loaded, and is absent once one has moved on. To
 * find an entry with tags costs one `getMany` of their counters; one without tags costs nothing more.
 *
 * Entries that were stored without `Tagged` cannot be read through it: `get` throws a `CacheError` of code `deserialize`. With
 * another serializer than JSON in an `HttpCache`, `counters` must be an `HttpCache` without it. Statistics are those of the
 * provider below: to find an entry that was invalidated is a hit there.
 */
export class Tagged<V = unknown> implements Provider<V> {
  readonly #entries: Provider<TaggedEntry<V>>;
  readonly #counters: CounterProvider;
  /** CounterProvider that are being set off. */
  readonly #beginning = new Map<string, Promise<number>>();
  /** As the provider of the entries has it. */
  readonly lease: Lease | undefined;

  /** @throws TypeError for a provider that cannot count, where no `counters` are given. */
  constructor(entries: Provider<TaggedEntry<V>>, options: TaggedOptions = {}) {
    checkObject("entries", entries);
    checkOptions(options, ["counters"]);
    const { counters = entries as unknown as CounterProvider } = options;
    this.#counters = countersIn(counters, options.counters ? "counters" : "entries");
    this.#entries = entries;
    this.lease = leaseOf(entries);
    shareSingleFlight(this, entries);
  }

  get(key: string): MaybePromise<V | undefined> {
    return after(this.#entries.get(key), (found) => this.#alive(key, found));
  }

  getWithTtl(key: string): MaybePromise<{ value: V; ttl: number | null } | undefined> {
    return after(this.#found(key), (found) =>
      after(this.#alive(key, found?.value), (value) =>
        found === undefined || value === undefined ? undefined : { value, ttl: found.ttl },
      ),
    );
  }

  async getMany(keys: readonly string[]): Promise<(V | undefined)[]> {
    const entries = this.#entries;
    const found = await (entries.getMany?.(keys) ?? Promise.all(keys.map((key) => entries.get(key))));
    const now = await this.#now(new Set(found.flatMap((entry, at) => tagsOf(keys[at] as string, entry))));
    return found.map((entry) => (isAlive(entry, now) ? entry?.value : undefined));
  }

  async set(key: string, value: V, options: SetOptions & Taggable): Promise<void> {
    const { of } = await this.generations(options.tags ?? []);
    await this.#entries.set(key, { value, tags: Object.fromEntries(of) }, { ttl: options.ttl });
  }

  async setMany(entries: readonly CacheSetEntry<V>[]): Promise<void> {
    for (const { tags = [] } of entries) {
      checkTags(tags);
    }
    const of = await this.#begun(new Set(entries.flatMap(({ tags = [] }) => tags)));
    const tagged = entries.map(({ key, value, ttl, tags = [] }): SetEntry<TaggedEntry<V>> => {
      return { key, value: { value, tags: Object.fromEntries(tags.map((tag) => [tag, of.get(tag) ?? 0])) }, ttl };
    });
    const below = this.#entries;
    await (below.setMany?.(tagged) ?? Promise.all(tagged.map(({ key, value, ttl }) => below.set(key, value, { ttl }))));
  }

  delete(key: string): MaybePromise<boolean> {
    return this.#entries.delete(key);
  }

  deleteMany(keys: readonly string[]): MaybePromise<number> {
    const entries = this.#entries;
    return (
      entries.deleteMany?.(keys) ??
      Promise.all(keys.map((key) => entries.delete(key))).then((deleted) => deleted.filter(Boolean).length)
    );
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
   * The generations that tags have now. What is made from now on and `set` with them as its `tags` is absent if one of them
   * is invalidated meanwhile.
   *
   * @throws TypeError or RangeError for what is no tag, and for more than 64.
   */
  async generations(tags: readonly string[] | Generations): Promise<Generations> {
    if (tags instanceof Generations) {
      return tags;
    }
    checkTags(tags);
    return new Generations(await this.#begun(new Set(tags)));
  }

  /**
   * Makes every entry with one of these tags absent.
   *
   * @throws TypeError or RangeError for what is no tag; nothing was invalidated then. What keeps the store from counting: tags
   * before the one that failed were invalidated.
   */
  async invalidateTags(tags: readonly string[]): Promise<void> {
    checkList("tags", tags);
    for (const key of tags.map(generationKey)) {
      await this.#countOn(key);
    }
  }

  /** What is stored under a key, and what is left of its life in seconds. */
  #found(key: string): MaybePromise<{ value: TaggedEntry<V>; ttl: number | null } | undefined> {
    const entries = this.#entries;
    if (entries.getWithTtl) {
      return entries.getWithTtl(key);
    }
    if (entries.ttl) {
      const value = entries.get(key) as TaggedEntry<V> | undefined;
      return value === undefined ? undefined : { value, ttl: entries.ttl(key) ?? null };
    }
    throw new TypeError("isocache: stale values and early loads need a provider with the method getWithTtl or ttl");
  }

  /** The value of an entry whose tags are what they were. */
  #alive(key: string, entry: TaggedEntry<V> | undefined): MaybePromise<V | undefined> {
    const tags = tagsOf(key, entry);
    return tags.length === 0
      ? entry?.value
      : after(this.#now(new Set(tags)), (now) => (isAlive(entry, now) ? entry?.value : undefined));
  }

  /** The generations of tags; 0 for those that have none. */
  #now(tags: ReadonlySet<string>): MaybePromise<Map<string, number>> {
    const all = [...tags];
    const keys = all.map(generationKey);
    return after(keys.length === 0 ? [] : this.#counters.getMany(keys), (counts) => {
      return new Map(all.map((tag, at) => [tag, counted(counts[at])]));
    });
  }

  /** The generations of tags, each of which has one then. */
  async #begun(tags: ReadonlySet<string>): Promise<Map<string, number>> {
    const now = await this.#now(tags);
    for (const [tag, generation] of now) {
      now.set(tag, generation || (await this.#begin(generationKey(tag))));
    }
    return now;
  }

  async #countOn(key: string): Promise<void> {
    const step = stepOf(MAX_STEP);
    if ((await this.#counters.increment(key, step, FOR_EVER)) === step) {
      await this.#setOff(key);
    }
  }

  /** Moves a counter far from where one that was lost may have been. */
  #setOff(key: string): MaybePromise<number> {
    return this.#counters.increment(key, stepOf(MAX_START), FOR_EVER);
  }

  /**
   * The generation of a tag that had none. Those who need a new tag at once wait for the same beginning: each of their own
   * would end what has the one before.
   */
  #begin(key: string): MaybePromise<number> {
    let begun = this.#beginning.get(key);
    if (begun === undefined) {
      const begin = async () => {
        // Another may have come to its end between the look and now.
        const [known] = await this.#counters.getMany([key]);
        return counted(known) || this.#setOff(key);
      };
      begun = begin().finally(() => this.#beginning.delete(key));
      this.#beginning.set(key, begun);
    }
    return begun;
  }
}

const FOR_EVER = { ttl: null };

function stepOf(most: number): number {
  return 1 + Math.floor(Math.random() * most);
}

/** The tags of what is to be stored: texts, or with generations that they had. */
interface Taggable {
  tags?: readonly string[] | Generations | undefined;
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

function tagsOf(key: string, entry: TaggedEntry<unknown> | undefined): string[] {
  if (entry === undefined) {
    return [];
  }
  const { tags } = (entry ?? {}) as Partial<TaggedEntry<unknown>>;
  if (typeof tags !== "object" || tags === null) {
    throw new CacheError("deserialize", `the entry under key ${quote(key)} was not stored with tags`);
  }
  return Object.keys(tags);
}

function isAlive(entry: TaggedEntry<unknown> | undefined, now: ReadonlyMap<string, number>): boolean {
  return entry === undefined || Object.entries(entry.tags).every(([tag, then]) => now.get(tag) === then);
}
