/** `TieredCache`, the public class. */

import { checkKeys, checkObject } from "../check.js";
import type { BoundedIncrement, IncrementWithinOptions } from "../counters.js";
import { leaseOf } from "../load/lease.js";
import type { LeaseProvider } from "../load/options.js";
import { shareSingleFlight } from "../load/single-flight.js";
import { ENTRY_OPTIONS, SET_OPTIONS } from "../option-names.js";
import { after, isPromise, type MaybePromise } from "../promise.js";
import { deleteMany, methodOf, ofMany, type Provider, setMany, setOne, statsOf } from "../provider.js";
import { mark } from "../shared.js";
import { milliseconds } from "../ttl.js";
import type { CacheSetEntry, CacheStats, Entry, Ttl } from "../types.js";
import { uncountedOf } from "../uncounted.js";
import { optionsFor, type PublicOptions, resolve, resolveTtl, takeResolved, ttlFor } from "../write-options.js";
import type { Copies } from "./copies.js";
import { settingsOf, type TieredCacheOptions, withOrigin } from "./options.js";
import { trace } from "./spans.js";
import { Tier } from "./tier.js";
import type { TierStats } from "./tier-stats.js";
import { copiesOf } from "./written.js";

/** The optional methods of a provider. */
const OPTIONAL = [
  ...["getEntry", "getEntries", "peekEntries", "ttl", "touch", "getAndTouch", "getAndDelete", "setIfAbsent", "replace"],
  ...["increment", "incrementWithin", "takeEntry", "touchEntry", "setIfDead", "keys", "readAndTouch", "readAndDelete"],
];

/** The last argument of `set`. */
type Options = PublicOptions | Ttl | null | undefined;

/**
 * Memory in front of a shared provider. Entries that were read or written recently are answered at once, from copies in memory.
 * A copy is dropped when anybody changes its key, in any process.
 *
 * ```js
 * import { Cache, HttpCache, TieredCache } from "isocache";
 *
 * const far = new HttpCache({ url: "http://127.0.0.1:8079" });
 * const tiers = new TieredCache({ far, near: { maxEntries: 500 } });
 * const cache = new Cache({ provider: tiers });
 * await cache.set("user:1", { name: "Ada" }, "5m");
 * await tiers.ready();
 * await cache.get("user:1"); // { name: "Ada" }
 * await cache.close();
 * ```
 *
 * **How old a copy may be.** While the connection works: as old as an announcement takes to arrive. While it is silent:
 * two heartbeats; then copies are not served. After a gap: copies from before it are served only if the cache knows
 * what it missed. A copy is never kept longer than its entry is fresh in `far`.
 *
 * **Writes** go to `far` first. The written value is then kept as a copy, unless somebody else changed the key at the same
 * time. Other processes see the write when it is announced to them.
 *
 * Methods return a value synchronously if a copy answers, and otherwise what `far` returns. Methods that `far` lacks
 * are missing here, too. The cache starts listening with the first operation, or with `ready`. Until `close`, it keeps
 * a Node process running.
 */
export class TieredCache<V = unknown> implements Provider<V> {
  /** As in `far`. */
  readonly keepsTags: boolean | undefined;
  /** As in `far`. */
  readonly lease: LeaseProvider["lease"] | undefined;
  readonly #tier: Tier<V>;
  readonly #copies: Copies<V>;
  readonly #far: Provider<V>;
  /** As given to the constructor. */
  readonly #given: Provider<V>;

  /** @throws TypeError or RangeError for an option of the wrong type or out of range, naming it. */
  constructor(options: TieredCacheOptions<V>) {
    takeResolved(TieredCache);
    checkObject("options", options);
    checkObject("far", options.far);
    const far = withOrigin(options.far, options.invalidations);
    const settings = settingsOf({ ...options, far });
    this.#far = far;
    this.#given = options.far;
    this.#tier = new Tier(far, settings);
    this.#copies = this.#tier.copies;
    this.keepsTags = far.keepsTags;
    this.lease = leaseOf(far);
    shareSingleFlight(this, options.far);
    for (const name of OPTIONAL) {
      if (typeof Reflect.get(far, name) !== "function") {
        mark({ prototype: this }, name, undefined);
      }
    }
    if (settings.tracer !== undefined) {
      const { counts } = this.#tier;
      trace(this, settings.tracer, settings.name, () => counts.farHits + counts.misses);
    }
  }

  /** The value under `key`, or `undefined`. */
  get<T extends V = V>(key: string): MaybePromise<NoInfer<T> | undefined> {
    const copy = this.#copies.hit(key);
    return (copy === undefined ? after(this.#missed(key), valueIfFresh) : copy) as MaybePromise<T | undefined>;
  }

  /** The entry under `key`, fresh or stale; `undefined` if there is none. */
  getEntry(key: string): MaybePromise<Entry<NoInfer<V>> | undefined> {
    const { copies } = this.#tier;
    return (copies.areGood ? copies.entry(key) : undefined) ?? this.#missed(key);
  }

  /** The value under `key`, and how many **seconds** it stays fresh; `null` if it does not expire. */
  getWithTtl(key: string): MaybePromise<{ value: NoInfer<V>; ttl: number | null } | undefined> {
    return after(this.getEntry(key), (entry) =>
      isFresh(entry) ? { value: entry.value, ttl: inSeconds(entry.freshFor) } : undefined,
    );
  }

  /** The remaining ttl of the entry under `key` in **seconds**; `null` if it does not expire, `undefined` if there is none. */
  ttl(key: string): MaybePromise<number | null | undefined> {
    const { copies } = this.#tier;
    const left = copies.areGood ? copies.remaining(key) : undefined;
    return left === undefined ? methodOf(this.#far, "ttl")(key) : left;
  }

  /** The values under `keys`, in their order. */
  getMany<T extends V = V>(keys: readonly string[]): MaybePromise<(NoInfer<T> | undefined)[]> {
    return together(keys, (key) => this.get<T>(key));
  }

  /** @internal The fresh entries under `keys`, in their order. */
  getEntries(keys: readonly string[]): MaybePromise<(Entry<NoInfer<V>> | undefined)[]> {
    return together(keys, (key) => after(this.getEntry(key), ifFresh));
  }

  /** @internal Like `getEntries`, without counting lookups. */
  peekEntries(keys: readonly string[]): MaybePromise<(Entry<NoInfer<V>> | undefined)[]> {
    return this.#peeked(keys);
  }

  #peeked(keys: readonly string[]): MaybePromise<(Entry<V> | undefined)[]> {
    const { copies } = this.#tier;
    return together(keys, (key) => {
      const copy = copies.areGood ? copies.peek(key) : undefined;
      return copy ?? after(this.#tier.miss(key, false), ifFresh);
    });
  }

  /** @internal Like `getMany`, without counting lookups. */
  readMany(keys: readonly string[]): MaybePromise<(V | undefined)[]> {
    return after(this.#peeked(keys), (entries) => entries.map((entry) => entry?.value));
  }

  /** Whether there is an entry under `key`. */
  has(key: string): MaybePromise<boolean> {
    const { copies } = this.#tier;
    return (copies.areGood && copies.memory.has(key)) || this.#far.has(key);
  }

  /** The same as `has`, under the name that the Rust crate uses. */
  exists(key: string): MaybePromise<boolean> {
    return this.has(key);
  }

  /** Whether there is an entry under each of `keys`, in their order. */
  hasMany(keys: readonly string[]): MaybePromise<boolean[]> {
    const { copies } = this.#tier;
    const isThere = copies.areGood && keys.every((key) => copies.memory.has(key));
    return isThere ? keys.map(() => true) : ofMany(this.#far, "hasMany", keys);
  }

  /** Stores `value` under `key`, and replaces an older value. */
  set(key: string, value: V, options?: Options): MaybePromise<unknown> {
    const given = resolve(options, SET_OPTIONS, undefined, key, value);
    const entry = { ...given, key, value };
    const send = () => setOne(this.#far, entry);
    return this.#retried(
      "set",
      key,
      () => this.#tier.write([key], send, () => copiesOf(this.#far, [entry])),
      undefined,
    );
  }

  /** Stores every entry. */
  setMany(entries: readonly CacheSetEntry<V>[]): MaybePromise<unknown> {
    const all = entries.map((entry) => ({
      ...resolve(entry, ENTRY_OPTIONS, undefined),
      key: entry.key,
      value: entry.value,
    }));
    const keys = all.map(({ key }) => key);
    const send = () => setMany(this.#far, all);
    const write = () => this.#tier.write(keys, send, () => copiesOf(this.#far, all));
    return this.#retried("setMany", keys.join(), write, undefined);
  }

  /** Stores `value` as `set` does, if there is no entry under `key`, in one step. Returns whether it was stored. */
  setIfAbsent(key: string, value: V, options?: Options): MaybePromise<boolean> {
    return this.#setIf("setIfAbsent", key, value, options);
  }

  /** Stores `value` as `set` does, if there is an entry under `key`, in one step. Returns whether it was stored. */
  replace(key: string, value: V, options?: Options): MaybePromise<boolean> {
    return this.#setIf("replace", key, value, options);
  }

  /** @internal Like `setIfAbsent`; an entry for which `isDead` returns true counts as absent, too. */
  setIfDead(
    key: string,
    value: V,
    options: PublicOptions,
    isDead: (entry: Entry<NoInfer<V>>) => MaybePromise<boolean>,
  ): MaybePromise<boolean> {
    return this.#setIf("setIfDead", key, value, options, isDead);
  }

  #setIf(
    name: "setIfAbsent" | "replace" | "setIfDead",
    key: string,
    value: V,
    options: Options,
    ...rest: unknown[]
  ): MaybePromise<boolean> {
    const entry = { ...resolve(options, SET_OPTIONS, undefined), key, value };
    const method = methodOf(this.#far, name) as (...given: unknown[]) => MaybePromise<boolean>;
    const send = () => method(key, value, optionsFor(this.#far, entry), ...rest);
    return this.#tier.write([key], send, (isStored) => (isStored ? copiesOf(this.#far, [entry]) : undefined));
  }

  /** Removes the entry under `key`. Returns whether there was one. */
  delete(key: string): MaybePromise<boolean> {
    const send = () => this.#far.delete(key);
    return this.#retried("delete", key, () => this.#tier.write([key], send), false);
  }

  /** Removes the entries under `keys`. Returns how many there were. */
  deleteMany(keys: readonly string[]): MaybePromise<number> {
    const send = () => deleteMany(this.#far, keys);
    return this.#retried("deleteMany", keys.join(), () => this.#tier.write(keys, send), 0);
  }

  /** Removes the entries under `keys`. Returns for each, in their order, whether there was one. */
  deleteManyEach(keys: readonly string[]): MaybePromise<boolean[]> {
    return this.#tier.write(keys, () => ofMany(this.#far, "deleteManyEach", keys));
  }

  /** Removes all entries. */
  async clear(): Promise<void> {
    await this.clearPattern("*");
  }

  /** Removes all entries whose key matches a Redis glob. Returns how many there were. */
  clearPattern(pattern: string): MaybePromise<number> {
    const send = () => this.#far.clearPattern(pattern);
    return this.#retried("clearPattern", pattern, () => this.#tier.writeAll(pattern, send), 0);
  }

  /**
   * Restarts the ttl of the entry under `key` with `ttl`, by default that of `far`. Returns whether there is an entry.
   */
  touch(key: string, ttl?: Ttl | null): MaybePromise<boolean> {
    const time = ttlFor(this.#far, resolveTtl(ttl, undefined));
    return this.#tier.write([key], () => methodOf(this.#far, "touch")(key, time));
  }

  /**
   * Returns the value under `key`, or `undefined`, and restarts its ttl with `ttl`, by default that of `far`, in one
   * step.
   */
  getAndTouch<T extends V = V>(key: string, ttl?: Ttl | null): MaybePromise<NoInfer<T> | undefined> {
    const time = ttlFor(this.#far, resolveTtl(ttl, undefined));
    const send = () => methodOf(this.#far, "getAndTouch")(key, time);
    return after(this.#tier.write([key], send), (value) => this.#counted(value)) as MaybePromise<T | undefined>;
  }

  /** Removes the entry under `key`, and returns its value, or `undefined` if there was none, in one step. */
  getAndDelete<T extends V = V>(key: string): MaybePromise<NoInfer<T> | undefined> {
    const send = () => methodOf(this.#far, "getAndDelete")(key);
    return after(this.#tier.write([key], send), (value) => this.#counted(value)) as MaybePromise<T | undefined>;
  }

  /** @internal Like `getAndDelete`. */
  takeEntry(key: string): MaybePromise<Entry<NoInfer<V>> | undefined> {
    return this.#countedEntry(this.#tier.write([key], () => methodOf(this.#far, "takeEntry")(key)));
  }

  /** @internal Like `getAndTouch`. */
  touchEntry(key: string, ttl?: Ttl | null): MaybePromise<Entry<NoInfer<V>> | undefined> {
    const time = ttlFor(this.#far, resolveTtl(ttl, undefined));
    return this.#countedEntry(this.#tier.write([key], () => methodOf(this.#far, "touchEntry")(key, time)));
  }

  /** @internal Like `getAndTouch`, without counting a lookup. */
  readAndTouch(key: string, ttl: Ttl): MaybePromise<unknown> {
    return this.#tier.write([key], () => uncountedOf(this.#far).readAndTouch?.(key, ttl));
  }

  /** @internal Like `getAndDelete`, without counting a lookup. */
  readAndDelete(key: string): MaybePromise<unknown> {
    return this.#tier.write([key], () => uncountedOf(this.#far).readAndDelete?.(key));
  }

  /** Adds `by` to the number under `key`, in one step, and returns the sum. */
  increment(key: string, by = 1, options?: Options): MaybePromise<number> {
    const given = optionsFor(this.#far, resolve(options, SET_OPTIONS, undefined));
    return this.#tier.write([key], () => methodOf(this.#far, "increment")(key, by, given));
  }

  /** Adds `by` to the number under `key`, within bounds and in one step. */
  incrementWithin(key: string, by: number, options: IncrementWithinOptions): MaybePromise<BoundedIncrement> {
    const ttl = ttlFor(this.#far, resolveTtl(options?.ttl, undefined));
    return this.#tier.write([key], () => methodOf(this.#far, "incrementWithin")(key, by, { ...options, ttl }));
  }

  /** The keys in `far`, each once, in any order; with a Redis glob, those that match. */
  keys(pattern = "*"): Iterable<string> | AsyncIterable<string> {
    return methodOf(this.#far, "keys")(pattern);
  }

  /**
   * Resolves when copies may be served. Calling it is optional: until then, reads go to `far`. Rejects with a `CacheError` of
   * code `"timeout"` after `timeout`, or when the cache is closed.
   */
  async ready(timeout: Ttl = "30s"): Promise<void> {
    return this.#tier.ready(milliseconds(timeout, "timeout"));
  }

  /** The counts of both tiers, and the state of the connection. */
  tierStats(): TierStats {
    const { copies, counts, link, lag, retries } = this.#tier;
    return {
      nearHits: copies.hits,
      ...counts,
      ...copies.counts,
      suspectMs: copies.suspectMs,
      lagMs: lag,
      queuedWrites: retries.size,
      unsentWrites: retries.unsent,
      link: link.stateAt(copies.now()),
    };
  }

  /** The counts of `far`, except that lookups are those of this cache: hits are the hits of both tiers. */
  getStats(): MaybePromise<CacheStats> {
    return after(statsOf(this.#far), (stats) => {
      const { nearHits, farHits, misses } = this.tierStats();
      const hits = nearHits + farHits;
      return { ...stats, hits, misses, hitRate: hits / (hits + misses || 1) };
    });
  }

  /** Stops listening, drops the copies, gives up queued writes, and closes `far`. A second call does nothing. */
  close(): MaybePromise<unknown> {
    this.#tier.close();
    return this.#given.close?.();
  }

  /** The entry under a key without a good copy, counted. */
  #missed(key: string): MaybePromise<Entry<V> | undefined> {
    return this.#tier.miss(key, true);
  }

  #countedEntry(found: MaybePromise<Entry<V> | undefined>): MaybePromise<Entry<V> | undefined> {
    return after(found, (entry) => {
      this.#tier.count(entry);
      return entry;
    });
  }

  #counted<T>(value: T | undefined): T | undefined {
    this.#tier.counts[value === undefined ? "misses" : "farHits"]++;
    return value;
  }

  #retried<R>(operation: string, key: string, send: () => MaybePromise<R>, later: R): MaybePromise<R> {
    return this.#tier.retried(operation, key, send, later);
  }
}

function isFresh<V>(entry: Entry<V> | undefined): entry is Entry<V> {
  return entry !== undefined && (entry.freshFor === null || entry.freshFor > 0);
}

const ifFresh = <V>(entry: Entry<V> | undefined) => (isFresh(entry) ? entry : undefined);
const valueIfFresh = <V>(entry: Entry<V> | undefined) => ifFresh(entry)?.value;
const inSeconds = (freshFor: number | null) => (freshFor === null ? null : freshFor / 1000);

/** The results of `one` for the keys, in their order; synchronous if all results are. */
function together<R>(keys: readonly string[], one: (key: string) => MaybePromise<R>): MaybePromise<R[]> {
  checkKeys(keys);
  const all = keys.map(one);
  return all.some(isPromise) ? Promise.all(all) : (all as R[]);
}
