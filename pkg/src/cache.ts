/// <reference lib="esnext.disposable" preserve="true" />

import type { CacheOptions } from "./cache-options.js";
import { CacheScope } from "./cache-scope.js";
import { checkList, checkObject, checkOptions, checkPattern, wrongType } from "./check.js";
import { type BoundedIncrement, checkedBounds, type IncrementWithinOptions } from "./counters.js";
import type { CacheEvents } from "./load/events.js";
import { getOrLoad, join } from "./load/load.js";
import type { Loader, LoadOptions } from "./load/options.js";
import { type Settings, settingsOf } from "./load/settings.js";
import { ENTRY_OPTIONS, SET_OPTIONS } from "./option-names.js";
import type { MaybePromise } from "./promise.js";
import { checkTagged, deleteMany, ofMany, type Provider, setMany, setOne, statsOf } from "./provider.js";
import { brand, isBranded } from "./shared.js";
import type { CacheSetEntry, CacheSetOptions, CacheStats, Checked, SetArgument, SetOptions, Ttl } from "./types.js";
import { readAndDelete, readAndTouch, readMany, uncountedOf } from "./uncounted.js";
import { optionsFor, resolve, takeResolved } from "./write-options.js";

/**
 * An asynchronous cache over any provider, so that a program need not change when it moves from memory to a remote
 * store.
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
  readonly #scope: CacheScope<V>;

  /** @throws TypeError or RangeError for an option of the wrong type or out of range, naming it. */
  constructor(options?: CacheOptions<V>);
  /** @internal */
  constructor(options: undefined, scope: CacheScope<V>);
  constructor(options: CacheOptions<V> = {}, scope: CacheScope<V> = CacheScope.of(options)) {
    brand(Cache, "Cache");
    takeResolved(Cache);
    this.#scope = scope;
  }

  /** The value under `key`, or `undefined`. `null` is a value. */
  async get<T extends V = V>(key: string): Promise<T | undefined> {
    const scope = this.#scope;
    return scope.provider.get(scope.key(key)) as MaybePromise<T | undefined>;
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
    const entry = this.#scope.entry(key, value, options);
    await this.#scope.write([entry.key], () => setOne(this.#scope.provider, entry));
  }

  /**
   * Stores `value` as `set` does, but only if there is no entry under `key`, in one step. Returns whether it was
   * stored.
   */
  async setIfAbsent<const O extends SetArgument>(key: string, value: V, options?: O & Checked<O>): Promise<boolean> {
    return this.#scope.writeIf("setIfAbsent", key, value, options);
  }

  /**
   * Stores `value` as `set` does, but only if there is an entry under `key`, in one step. Returns whether it was
   * stored.
   */
  async replace<const O extends SetArgument>(key: string, value: V, options?: O & Checked<O>): Promise<boolean> {
    return this.#scope.writeIf("replace", key, value, options);
  }

  /** The remaining ttl of the entry under `key` in **seconds**; `null` if it does not expire, `undefined` if there is none. */
  async ttl(key: string): Promise<number | null | undefined> {
    const { provider } = this.#scope;
    const whole = this.#scope.key(key);
    return provider.ttl ? provider.ttl(whole) : (await this.#scope.method("getWithTtl")(whole))?.ttl;
  }

  /**
   * Restarts the ttl of the entry under `key` with `ttl`, by default the cache's. Returns whether there is an entry.
   */
  async touch(key: string, ttl?: Ttl | null): Promise<boolean> {
    return this.#scope.method("touch")(this.#scope.key(key), this.#scope.ttlFor(ttl));
  }

  /** The value under `key`, or `undefined`. Restarts its ttl with `ttl`, by default the cache's. In one step. */
  async getAndTouch<T extends V = V>(key: string, ttl?: Ttl | null): Promise<T | undefined> {
    return this.#scope.method("getAndTouch")(this.#scope.key(key), this.#scope.ttlFor(ttl)) as MaybePromise<
      T | undefined
    >;
  }

  /** Removes the entry under `key`, and returns its value or `undefined`, in one step. */
  async getAndDelete<T extends V = V>(key: string): Promise<T | undefined> {
    const whole = this.#scope.key(key);
    const getAndDelete = this.#scope.method("getAndDelete");
    return this.#scope.write([whole], () => getAndDelete(whole) as MaybePromise<T | undefined>);
  }

  /**
   * Adds `by` to the number under `key`, in one step, and returns the sum. A new number starts at 0 and gets the ttl of
   * `options`; an existing one keeps its own.
   */
  async increment(key: string, by = 1, options?: SetOptions | Ttl | null): Promise<number> {
    const { provider, ttl } = this.#scope;
    const whole = this.#scope.key(key);
    const increment = this.#scope.method("increment");
    const given = optionsFor(provider, resolve(options, SET_OPTIONS, ttl));
    return this.#scope.write([whole], () => increment(whole, by, given));
  }

  /**
   * Raises the number under `key` to at least `floor`, adds `by`, and stores the sum unless it is above `ceiling`, in
   * one step. Returns whether it was stored, and the sum or the current count. A new number starts at 0. A stored one
   * gets the ttl of `options`, by default the cache's.
   */
  async incrementWithin(key: string, by: number, options: IncrementWithinOptions): Promise<BoundedIncrement> {
    const whole = this.#scope.key(key);
    const incrementWithin = this.#scope.method("incrementWithin");
    const given = checkedBounds(by, options);
    return this.#scope.write([whole], () =>
      incrementWithin(whole, by, { ...given, ttl: this.#scope.ttlFor(given.ttl) }),
    );
  }

  /**
   * The value under `key`. If there is none, calls `loader`, stores the value that it returns, and returns it.
   *
   * Concurrent callers of one key share one load and its outcome, value or error; errors are not stored. A `set`,
   * `delete` or `clear` during a load, through any `Cache` over this provider, wins: waiting callers get the loaded
   * value, but it is not stored, and later callers load again. A loader may request other keys, and its own; in browsers
   * its own only before its first `await`, or else it waits for itself until its `timeout`.
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
    return isBranded(this.#scope.provider, "MemoryCache");
  }

  /** @internal The outcome of the load in progress for a key, for a call that can use it without a lookup. */
  join<T>(key: string, settings: Settings<T>): Promise<T> | undefined {
    const { flights, shared, prefix } = this.#scope;
    if (!flights.busy || shared.isClosed) {
      return undefined;
    }
    // A key that is being loaded was checked before.
    const flight = flights.get(prefix === "" ? key : prefix + key);
    return flight && join(flight, settings);
  }

  /** @internal `getOrSet` with checked options. @throws errors that are found immediately. */
  load<T>(key: string, loader: Loader<T>, settings: Settings<T>, tagged?: () => readonly string[]): Promise<T> {
    const { provider, flights, ttl, shared } = this.#scope;
    const { tags: listed } = settings.given;
    const tags = tagged ?? (listed && (() => listed));
    if (tags !== undefined) {
      checkTagged(provider);
    }
    settings.checkWindows(ttl);
    const joined = this.join(key, settings);
    if (joined !== undefined) {
      return joined;
    }
    return getOrLoad<T>({
      provider: provider as unknown as Provider<T>,
      flights,
      key: this.#scope.key(key),
      loader,
      settings,
      ttl,
      tags,
      events: shared.events,
    });
  }

  /** Removes the entry under `key`. Returns whether there was one. */
  async delete(key: string): Promise<boolean> {
    const whole = this.#scope.key(key);
    return this.#scope.write([whole], () => this.#scope.provider.delete(whole));
  }

  /** Whether there is an entry under `key`. */
  async has(key: string): Promise<boolean> {
    return this.#scope.provider.has(this.#scope.key(key));
  }

  /** The same as `has`, under the name used by the Rust crate. */
  async exists(key: string): Promise<boolean> {
    return this.has(key);
  }

  /** The values under `keys`, in the same order. */
  async getMany<T extends V = V>(keys: readonly string[]): Promise<(T | undefined)[]> {
    return ofMany(this.#scope.provider, "getMany", this.#scope.keys(keys)) as MaybePromise<(T | undefined)[]>;
  }

  /** @internal As `getMany`, without counting lookups. */
  async readMany(keys: readonly string[]): Promise<readonly unknown[]> {
    const { provider } = this.#scope;
    const all = this.#scope.keys(keys);
    return readMany({ getMany: () => ofMany(provider, "getMany", all), ...uncountedOf(provider) }, all);
  }

  /** @internal As `getAndTouch`, without counting a lookup. */
  async readAndTouch(key: string, ttl?: Ttl | null): Promise<unknown> {
    const getAndTouch = this.#scope.method("getAndTouch");
    const whole = this.#scope.key(key);
    return readAndTouch({ getAndTouch, ...uncountedOf(this.#scope.provider) }, whole, this.#scope.ttlFor(ttl) as Ttl);
  }

  /** @internal As `getAndDelete`, without counting a lookup. */
  async readAndDelete(key: string): Promise<unknown> {
    const getAndDelete = this.#scope.method("getAndDelete");
    const whole = this.#scope.key(key);
    return this.#scope.write([whole], () =>
      readAndDelete({ getAndDelete, ...uncountedOf(this.#scope.provider) }, whole),
    );
  }

  /** Stores every entry. */
  async setMany(entries: readonly CacheSetEntry<V>[]): Promise<void> {
    checkList("entries", entries);
    const all = entries.map((entry) => {
      checkObject("entry", entry);
      checkOptions(entry, ENTRY_OPTIONS);
      return this.#scope.entry(entry.key, entry.value, entry, ENTRY_OPTIONS);
    });
    await this.#scope.write(
      all.map(({ key }) => key),
      () => setMany(this.#scope.provider, all),
    );
  }

  /** Removes the entries under `keys`. Returns how many existed. */
  async deleteMany(keys: readonly string[]): Promise<number> {
    const all = this.#scope.keys(keys);
    return this.#scope.write(all, () => deleteMany(this.#scope.provider, all));
  }

  /** Removes the entries under `keys`. Returns for each, in order, whether it existed. */
  async deleteManyEach(keys: readonly string[]): Promise<boolean[]> {
    const all = this.#scope.keys(keys);
    return this.#scope.write(all, () => ofMany(this.#scope.provider, "deleteManyEach", all));
  }

  /** Whether there is an entry under each of `keys`, in the same order. */
  async hasMany(keys: readonly string[]): Promise<boolean[]> {
    return ofMany(this.#scope.provider, "hasMany", this.#scope.keys(keys));
  }

  /** The keys of this cache or namespace, without its prefix, each once, in any order; with a Redis glob, those that match. */
  async *keys(pattern = "*"): AsyncGenerator<string, void, undefined> {
    checkPattern(pattern);
    const { prefix } = this.#scope;
    const whole = this.#scope.pattern(pattern);
    for await (const key of this.#scope.method("keys")(whole)) {
      yield key.slice(prefix.length);
    }
  }

  /** Removes every entry of this cache or namespace, and of no other. */
  async clear(): Promise<void> {
    await this.clearPattern("*");
  }

  /** Removes all entries of this cache or namespace whose key matches a Redis glob. Returns how many existed. */
  async clearPattern(pattern: string): Promise<number> {
    checkPattern(pattern);
    const whole = this.#scope.pattern(pattern);
    return this.#scope.write({ pattern: whole }, () => this.#scope.provider.clearPattern(whole));
  }

  /**
   * Invalidates every entry with one of these tags, in all namespaces, and in all processes that share the store. Loads
   * in progress through this provider are not stored.
   *
   * Rejects with a `TypeError` if the provider has no tags: see `Tagged`.
   */
  async invalidateTags(tags: readonly string[]): Promise<void> {
    this.#scope.checkOpen();
    checkTagged(this.#scope.provider);
    checkList("tags", tags);
    // It is unknown which loads return an entry with these tags.
    await this.#scope.write({ pattern: "*" }, () => this.#scope.provider.invalidateTags?.(tags));
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
    return this.#scope.events.on(event, listener);
  }

  /** The counts of the provider, for all namespaces together. */
  async getStats(): Promise<CacheStats> {
    this.#scope.checkOpen();
    return statsOf(this.#scope.provider);
  }

  /**
   * A view of this cache whose keys all begin with `prefix` and a `:`. `namespace("a").namespace("b")` is
   * `namespace("a:b")`.
   *
   * @throws TypeError or RangeError for an invalid prefix.
   */
  namespace<N extends V = V>(prefix: string): Cache<N> {
    return new Cache<N>(undefined, this.#scope.within<N>(prefix));
  }

  /** Closes the provider, for all namespaces. Later operations are refused. A second call does nothing. */
  async close(): Promise<void> {
    const { shared, provider } = this.#scope;
    if (!shared.isClosed) {
      shared.isClosed = true;
      await provider.close?.();
    }
  }

  /** The same as `close`, for `await using`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}
