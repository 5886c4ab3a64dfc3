/// <reference lib="esnext.disposable" preserve="true" />

import {
  checkKey,
  checkList,
  checkObject,
  checkOptions,
  checkPattern,
  checkText,
  checkValue,
  quote,
  wrongType,
} from "./check.js";
import { type BoundedIncrement, checkedBounds, type IncrementWithinOptions } from "./counters.js";
import { type CacheEvents, EVENTS, Events } from "./load/events.js";
import { getOrLoad, join } from "./load/load.js";
import type { Loader, LoadOptions } from "./load/options.js";
import { type Settings, settingsOf } from "./load/settings.js";
import { type SingleFlight, singleFlightOf, type Touched } from "./load/single-flight.js";
import { MemoryCache } from "./memory-cache.js";
import { escapeGlob, prefixOf } from "./prefix.js";
import type { MaybePromise } from "./promise.js";
import {
  checkProvider,
  checkTagged,
  deleteMany,
  methodOf,
  ofMany,
  type Provider,
  setMany,
  setOne,
  statsOf,
} from "./provider.js";
import { brand, isBranded } from "./shared.js";
import { milliseconds } from "./ttl.js";
import type {
  CacheSetEntry,
  CacheSetOptions,
  CacheStats,
  Checked,
  MemoryCacheOptions,
  SetArgument,
  SetOptions,
  Ttl,
} from "./types.js";
import { readAndDelete, readAndTouch, readMany, uncountedOf } from "./uncounted.js";
import { optionsFor, resolve, resolveTtl, ttlFor, type WriteOptions, writeOptions } from "./write-options.js";

/** Options of a `Cache`: those of the `MemoryCache` that it makes, or a provider. */
export type CacheOptions<V> =
  | (MemoryCacheOptions<V> & { provider?: undefined; namespace?: string | undefined })
  | {
      /** What keeps the entries. */
      provider: Provider<V>;
      /** Goes before every key, with a `:` between. Default: none. */
      namespace?: string | undefined;
      /** The ttl of entries that are written without one, in **seconds** or with a unit. Default: the provider's. */
      ttl?: Ttl | null | undefined;
    };

/** State that a cache shares with its namespaces. */
interface Shared {
  closed: boolean;
  /** Set by the first listener. */
  events?: Events;
}

const SET_OPTIONS = ["ttl", "expiresAt", "staleFor", "tags"];
const ENTRY_OPTIONS = ["key", "value", ...SET_OPTIONS];

/**
 * An asynchronous cache over any provider, so that a program need not change when it moves from memory to a remote store.
 *
 * Every method rejects if the provider fails, and with a `TypeError` or `RangeError` for an argument outside the limits.
 *
 * ```js
 * import { Cache } from "isocache";
 *
 * const cache = new Cache({ maxEntries: 500, ttl: "5m" });
 * const users = cache.namespace("user");
 * await users.set("1", { name: "Ada" }, "30s");
 * await users.get("1"); // { name: "Ada" }
 * await cache.clearPattern("user:*"); // 1
 * ```
 */
export class Cache<V = unknown> {
  readonly #provider: Provider<V>;
  readonly #prefix: string;
  /** In milliseconds; `undefined`: the provider's. */
  readonly #ttl: number | undefined;
  readonly #shared: Shared;
  readonly #flights: SingleFlight;

  /** @throws TypeError or RangeError for an option of the wrong type or out of range, naming it. */
  constructor(options?: CacheOptions<V>);
  /** @internal */
  constructor(options: CacheOptions<V>, shared: Shared);
  constructor(options: CacheOptions<V> = {}, shared: Shared = { closed: false }) {
    brand(Cache, "Cache");
    checkOptions(options);
    if (options.provider === undefined) {
      const { namespace: _, provider: __, ...memory } = options;
      this.#provider = new MemoryCache<V>(memory);
      this.#ttl = milliseconds(memory.ttl ?? null);
    } else {
      checkOptions(options, ["provider", "namespace", "ttl"]);
      const { provider, ttl } = options;
      checkProvider(provider);
      this.#provider = provider;
      this.#ttl = resolveTtl(ttl, undefined);
    }
    this.#prefix = options.namespace === undefined ? "" : prefixOf(options.namespace);
    this.#shared = shared;
    this.#flights = singleFlightOf(this.#provider);
  }

  /** The value under `key`, or `undefined`. `null` is a value. */
  async get<T extends V = V>(key: string): Promise<T | undefined> {
    return this.#provider.get(this.#key(key)) as MaybePromise<T | undefined>;
  }

  /**
   * Stores `value` under `key`, and replaces an older value.
   *
   * @param options - the ttl, or an object with it: in **seconds** or with a unit, like `"5m"`; and tags.
   */
  async set<const O extends CacheSetOptions | SetArgument>(
    key: string,
    value: V,
    options?: O & Checked<O>,
  ): Promise<void> {
    const entry = this.#entry(key, value, options);
    await this.#write([entry.key], () => setOne(this.#provider, entry));
  }

  /** Stores `value` as `set` does, if there is no entry under `key`, in one step. Returns whether it was stored. */
  async setIfAbsent<const O extends SetArgument>(key: string, value: V, options?: O & Checked<O>): Promise<boolean> {
    return this.#setIf("setIfAbsent", key, value, options);
  }

  /** Stores `value` as `set` does, if there is an entry under `key`, in one step. Returns whether it was stored. */
  async replace<const O extends SetArgument>(key: string, value: V, options?: O & Checked<O>): Promise<boolean> {
    return this.#setIf("replace", key, value, options);
  }

  /** The remaining ttl of the entry under `key` in **seconds**; `null` if it does not expire, `undefined` if there is none. */
  async ttl(key: string): Promise<number | null | undefined> {
    const whole = this.#key(key);
    return this.#provider.ttl ? this.#provider.ttl(whole) : (await this.#need("getWithTtl")(whole))?.ttl;
  }

  /** Starts the ttl of the entry under `key` again with `ttl`, by default the cache's. Returns whether there is an entry. */
  async touch(key: string, ttl?: Ttl | null): Promise<boolean> {
    return this.#need("touch")(this.#key(key), this.#ttlFor(ttl));
  }

  /** The value under `key`, or `undefined`; its ttl starts again with `ttl`, by default the cache's. In one step. */
  async getAndTouch<T extends V = V>(key: string, ttl?: Ttl | null): Promise<T | undefined> {
    return this.#need("getAndTouch")(this.#key(key), this.#ttlFor(ttl)) as MaybePromise<T | undefined>;
  }

  /** The value under `key`, which is removed; or `undefined`. In one step. */
  async getAndDelete<T extends V = V>(key: string): Promise<T | undefined> {
    const whole = this.#key(key);
    const getAndDelete = this.#need("getAndDelete");
    return this.#write([whole], () => getAndDelete(whole) as MaybePromise<T | undefined>);
  }

  /**
   * Adds `by` to the number under `key`, in one step, and returns the sum. A new number starts at 0 and gets the ttl of
   * `options`; an old one keeps its own.
   */
  async increment(key: string, by = 1, options?: SetOptions | Ttl | null): Promise<number> {
    const whole = this.#key(key);
    const increment = this.#need("increment");
    const given = optionsFor(this.#provider, resolve(options, SET_OPTIONS, this.#ttl));
    return this.#write([whole], () => increment(whole, by, given));
  }

  /**
   * Raises the number under `key` to at least `floor`, adds `by`, and stores the sum, unless it is above `ceiling`, in one step.
   * Returns whether it was stored, and the sum or the present count. A new number starts at 0. A stored one gets the ttl of
   * `options`, by default the cache's.
   */
  async incrementWithin(key: string, by: number, options: IncrementWithinOptions): Promise<BoundedIncrement> {
    const whole = this.#key(key);
    const incrementWithin = this.#need("incrementWithin");
    const given = checkedBounds(by, options);
    return this.#write([whole], () => incrementWithin(whole, by, { ...given, ttl: this.#ttlFor(given.ttl) }));
  }

  /**
   * The value under `key`; if there is none, the value that `loader` returns, which is stored.
   *
   * Concurrent callers of one key share one load and its outcome, value or error; errors are not stored. A `set`, `delete` or
   * `clear` during a load, through any `Cache` over this provider, wins: waiting callers get the loaded value, but it is not
   * stored, and later callers load again. A loader may ask for other keys, and for its own: in browsers only before its first
   * `await`, otherwise it waits for itself until its `timeout`.
   *
   * ```js
   * import { Cache } from "isocache";
   *
   * const cache = new Cache();
   * const load = async () => ({ name: "Ada" });
   * await cache.getOrSet("user:1", load, { ttl: "5m", staleIfError: "1h" }); // { name: "Ada" }
   * ```
   *
   * @param options - the ttl, in **seconds** or with a unit; or an object with it and more.
   */
  getOrSet<T extends V | undefined = V>(
    key: string,
    loader: Loader<T, V>,
    options?: LoadOptions<T> | Ttl | null,
  ): Promise<T> {
    try {
      if (typeof loader !== "function") {
        throw wrongType("loader", "a function", loader);
      }
      return this.load<T>(key, loader as Loader<T>, settingsOf(options));
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** @internal Whether the entries are in the memory of this process. */
  get isInMemory(): boolean {
    return isBranded(this.#provider, "MemoryCache");
  }

  /** @internal The outcome of the load in progress of a key, for a call that can take it without a lookup. */
  join<T>(key: string, settings: Settings<T>): Promise<T> | undefined {
    if (!this.#flights.busy || this.#shared.closed) {
      return undefined;
    }
    // A key that is being loaded has been checked.
    const flight = this.#flights.get(this.#prefix === "" ? key : this.#prefix + key);
    return flight && join(flight, settings);
  }

  /** @internal `getOrSet` with options that have been checked. @throws errors that are found at once. */
  load<T>(key: string, loader: Loader<T>, settings: Settings<T>, tagged?: () => readonly string[]): Promise<T> {
    const { tags: listed } = settings.given;
    const tags = tagged ?? (listed && (() => listed));
    if (tags !== undefined) {
      checkTagged(this.#provider);
    }
    settings.checkWindows(this.#ttl);
    const joined = this.join(key, settings);
    if (joined !== undefined) {
      return joined;
    }
    return getOrLoad<T>({
      provider: this.#provider as unknown as Provider<T>,
      flights: this.#flights,
      key: this.#key(key),
      loader,
      settings,
      ttl: this.#ttl,
      tags,
      events: this.#shared.events,
    });
  }

  /** Removes the entry under `key`. Returns whether there was one. */
  async delete(key: string): Promise<boolean> {
    const whole = this.#key(key);
    return this.#write([whole], () => this.#provider.delete(whole));
  }

  /** Whether there is an entry under `key`. */
  async has(key: string): Promise<boolean> {
    return this.#provider.has(this.#key(key));
  }

  /** The same as `has`, by the name that the Rust crate uses. */
  async exists(key: string): Promise<boolean> {
    return this.has(key);
  }

  /** The values under `keys`, in their order. */
  async getMany<T extends V = V>(keys: readonly string[]): Promise<(T | undefined)[]> {
    return ofMany(this.#provider, "getMany", this.#keys(keys)) as MaybePromise<(T | undefined)[]>;
  }

  /** @internal As `getMany`, without counting lookups. */
  async readMany(keys: readonly string[]): Promise<readonly unknown[]> {
    const all = this.#keys(keys);
    return readMany({ getMany: () => ofMany(this.#provider, "getMany", all), ...uncountedOf(this.#provider) }, all);
  }

  /** @internal As `getAndTouch`, without counting a lookup. */
  async readAndTouch(key: string, ttl?: Ttl | null): Promise<unknown> {
    const getAndTouch = this.#need("getAndTouch");
    const whole = this.#key(key);
    return readAndTouch({ getAndTouch, ...uncountedOf(this.#provider) }, whole, this.#ttlFor(ttl) as Ttl);
  }

  /** @internal As `getAndDelete`, without counting a lookup. */
  async readAndDelete(key: string): Promise<unknown> {
    const getAndDelete = this.#need("getAndDelete");
    const whole = this.#key(key);
    return this.#write([whole], () => readAndDelete({ getAndDelete, ...uncountedOf(this.#provider) }, whole));
  }

  /** Stores every entry. */
  async setMany(entries: readonly CacheSetEntry<V>[]): Promise<void> {
    checkList("entries", entries);
    const all = entries.map((entry) => {
      checkObject("entry", entry);
      checkOptions(entry, ENTRY_OPTIONS);
      return this.#entry(entry.key, entry.value, entry, ENTRY_OPTIONS);
    });
    await this.#write(
      all.map(({ key }) => key),
      () => setMany(this.#provider, all),
    );
  }

  /** Removes the entries under `keys`. Returns how many there were. */
  async deleteMany(keys: readonly string[]): Promise<number> {
    const all = this.#keys(keys);
    return this.#write(all, () => deleteMany(this.#provider, all));
  }

  /** Removes the entries under `keys`. Returns for each, in their order, whether there was one. */
  async deleteManyEach(keys: readonly string[]): Promise<boolean[]> {
    const all = this.#keys(keys);
    return this.#write(all, () => ofMany(this.#provider, "deleteManyEach", all));
  }

  /** Whether there is an entry under each of `keys`, in their order. */
  async hasMany(keys: readonly string[]): Promise<boolean[]> {
    return ofMany(this.#provider, "hasMany", this.#keys(keys));
  }

  /** The keys of this cache or namespace, without its prefix, each once, in any order; with a Redis glob, those that match. */
  async *keys(pattern = "*"): AsyncGenerator<string, void, undefined> {
    checkPattern(pattern);
    this.#checkOpen();
    for await (const key of this.#need("keys")(escapeGlob(this.#prefix) + pattern)) {
      yield key.slice(this.#prefix.length);
    }
  }

  /** Removes every entry of this cache or namespace, and of no other. */
  async clear(): Promise<void> {
    await this.#clear("*");
  }

  /** Removes all entries of this cache or namespace whose key matches a Redis glob. Returns how many there were. */
  async clearPattern(pattern: string): Promise<number> {
    checkPattern(pattern);
    return this.#clear(pattern);
  }

  /**
   * Makes every entry with one of these tags absent, in all namespaces, and in all processes that share the store. Loads in
   * progress through this provider are not stored.
   *
   * Rejects with a `TypeError` if the provider has no tags: see `Tagged`.
   */
  async invalidateTags(tags: readonly string[]): Promise<void> {
    this.#checkOpen();
    checkTagged(this.#provider);
    checkList("tags", tags);
    // Which loads bring an entry with these tags is not known.
    await this.#write({ pattern: "*" }, () => this.#provider.invalidateTags?.(tags));
  }

  /**
   * Calls `listener` for an event of `getOrSet` and cached functions, in this cache and all its namespaces. Returns a function
   * that removes the listener. An error that a listener throws is written to the console and affects no caller.
   *
   * ```js
   * import { Cache } from "isocache";
   *
   * const cache = new Cache();
   * const slow = [];
   * cache.on("load", ({ key, milliseconds }) => milliseconds > 100 && slow.push(key));
   * cache.on("bypass", ({ key, error }) => console.warn(`the cache did not answer for ${key}: ${error}`));
   * ```
   *
   * @throws TypeError for an unknown event.
   */
  on<E extends keyof CacheEvents>(event: E, listener: (event: CacheEvents[E]) => void): () => void {
    if (!EVENTS.includes(event)) {
      throw new TypeError(`isocache: unknown event ${quote(event)}; the events are ${EVENTS.join(", ")}`);
    }
    if (typeof listener !== "function") {
      throw wrongType("listener", "a function", listener);
    }
    this.#shared.events ??= new Events();
    return this.#shared.events.on(event, listener);
  }

  /** The counts of the provider, for all namespaces together. */
  async getStats(): Promise<CacheStats> {
    this.#checkOpen();
    return statsOf(this.#provider);
  }

  /**
   * A view of this cache whose keys all begin with `prefix` and a `:`. `namespace("a").namespace("b")` is
   * `namespace("a:b")`.
   *
   * @throws TypeError or RangeError for an invalid prefix.
   */
  namespace<N extends V = V>(prefix: string): Cache<N> {
    const options = {
      provider: this.#provider as unknown as Provider<N>,
      namespace: this.#prefix + prefixOf(prefix),
      // It is resolved already.
      ttl: this.#ttl === undefined ? undefined : (writeOptions(this.#ttl) as unknown as Ttl),
    };
    return new Cache<N>(options, this.#shared);
  }

  /** Closes the provider, for all namespaces. Later operations are refused. A second call does nothing. */
  async close(): Promise<void> {
    if (!this.#shared.closed) {
      this.#shared.closed = true;
      await this.#provider.close?.();
    }
  }

  /** The same as `close`, for `await using`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #clear(pattern: string): Promise<number> {
    this.#checkOpen();
    const whole = escapeGlob(this.#prefix) + pattern;
    return this.#write({ pattern: whole }, () => this.#provider.clearPattern(whole));
  }

  /** A write, which wins over loads in progress. */
  async #write<R>(touched: Touched, act: () => MaybePromise<R>): Promise<R> {
    if (this.#flights.busy) {
      return this.#flights.write(touched, act);
    }
    const written = await act();
    // Loads that began meanwhile.
    return this.#flights.busy ? this.#flights.write(touched, () => written) : written;
  }

  /** A write that has been checked, with the whole key. */
  #entry(key: string, value: V, options: unknown, names = SET_OPTIONS): WriteOptions {
    checkValue(key, value);
    const entry = resolve(options, names, this.#ttl, this.#key(key), value);
    if (entry.staleFor > 0) {
      this.#need("getEntry", "staleFor");
    }
    if (entry.tags !== undefined) {
      checkTagged(this.#provider);
      checkList("tags", entry.tags);
    }
    return entry;
  }

  async #setIf(how: "setIfAbsent" | "replace", key: string, value: V, options: unknown): Promise<boolean> {
    const entry = this.#entry(key, value, options);
    const store = this.#need(how);
    if (entry.ttl === 0) {
      return how === "replace" ? this.delete(key) : !(await this.has(key));
    }
    return this.#write([entry.key], () => store(entry.key, value, optionsFor(this.#provider, entry)));
  }

  #ttlFor(ttl: Ttl | null | undefined): Ttl | null | undefined {
    return ttlFor(this.#provider, resolveTtl(ttl, this.#ttl));
  }

  /** A method of the provider. @throws TypeError if it has none of this name. */
  #need<N extends keyof Provider<V>>(name: N, option?: string): NonNullable<Provider<V>[N]> {
    return methodOf(this.#provider, name, option);
  }

  #keys(keys: readonly string[]): string[] {
    checkList("keys", keys);
    return keys.map((key) => this.#key(key));
  }

  #key(key: string): string {
    this.#checkOpen();
    checkText(key);
    if (this.#prefix === "") {
      return key;
    }
    const whole = this.#prefix + key;
    checkKey(whole);
    return whole;
  }

  #checkOpen(): void {
    if (this.#shared.closed) {
      throw new Error("isocache: this Cache is closed; make a new one");
    }
  }
}
