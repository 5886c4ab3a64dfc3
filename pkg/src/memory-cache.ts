import type { Estimate } from "./advisor/advisor.js";
import { checkKey, checkKeys, checkList, checkPattern, checkValue } from "./check.js";
import type { BoundedIncrement, IncrementWithinOptions } from "./counters.js";
import { matching } from "./glob.js";
import { increment, incrementWithin } from "./memory-counters.js";
import { MemoryMethods } from "./memory-methods.js";
import { resize } from "./memory-options.js";
import { MemoryScope } from "./memory-scope.js";
import { outOfMemory } from "./memory-write.js";
import { escapeGlob } from "./prefix.js";
import { brand } from "./shared.js";
import type { Table } from "./table.js";
import type {
  CacheStats,
  Checked,
  EngineForm,
  Entry,
  MemoryCacheOptions,
  SetArgument,
  SetEntry,
  SetOptions,
  Ttl,
} from "./types.js";
import { startEngine } from "./wasm.js";
import { resolveTtl, takeResolved } from "./write-options.js";

/**
 * A bounded cache in memory, synchronous and shaped like a `Map`, with a ttl for each entry. The least recently used entry is
 * evicted first.
 *
 * Iteration goes from the most to the least recently used. Reading `size`, `stats()`, `keys()`, `values()` or `entries()`
 * removes expired entries first.
 *
 * ```js
 * import { MemoryCache } from "isocache";
 *
 * const users = new MemoryCache({ maxEntries: 500, ttl: "5m" });
 * users.set("user:1", { name: "Ada" });
 * users.get("user:1"); // { name: "Ada" }
 * users.clearPattern("user:*"); // 1
 * ```
 *
 * Every method throws a `TypeError` or `RangeError` for an argument outside the limits, and names it. Nothing has then
 * changed, except that a value refused for its size removes an older one.
 */
export class MemoryCache<V = unknown> extends MemoryMethods<V> {
  readonly #scope: MemoryScope<V>;
  /** The table, if a lookup needs nothing else: no prefix, no copy of the value, no listener. */
  #direct: Table<V> | undefined;

  /** @throws TypeError or RangeError for an option of the wrong type or out of range, naming it. */
  constructor(options?: MemoryCacheOptions<V>);
  /** @internal */
  constructor(options: undefined, scope: MemoryScope<V>);
  constructor(options: MemoryCacheOptions<V> = {}, scope: MemoryScope<V> = MemoryScope.of(options)) {
    super();
    brand(MemoryCache, "MemoryCache");
    takeResolved(MemoryCache);
    this.#scope = scope;
    const { table, settings, prefix } = scope;
    const direct = prefix === "" && !settings.clone && settings.onRemoval === undefined ? table : undefined;
    scope.advisor ??= settings.advise?.(scope, (isPaused) => {
      this.#direct = isPaused ? direct : undefined;
    });
    this.#direct = scope.advisor === undefined ? direct : undefined;
  }

  /**
   * The form of the engine that all caches run on: `"wasm"`, or `"js"` where WebAssembly is not available or would cost
   * more than it gains. Both make the same decisions. The engine starts with the first cache, or with the first use of
   * this property.
   */
  static get engine(): EngineForm {
    return startEngine();
  }

  /** The value under `key`, or `undefined`. Counts as a hit or a miss, and as a use of the entry. */
  get<T extends V = V>(key: string): T | undefined {
    const table = this.#direct;
    if (table === undefined) {
      return this.#scope.done(this.#scope.lookup(key) as T | undefined);
    }
    const value = table.lookup(key);
    if (value === undefined) {
      this.#scope.miss(key);
    }
    return value as T | undefined;
  }

  /** The value under `key`, or `undefined`. Neither counted nor a use of the entry. */
  peek<T extends V = V>(key: string): T | undefined {
    const slot = this.#scope.find(key);
    return this.#scope.done(slot === undefined ? undefined : (this.#scope.valueAt(slot) as T));
  }

  /** Whether there is an entry under `key`. Neither counted nor a use of the entry. */
  has(key: string): boolean {
    return this.#scope.done(this.#scope.find(key) !== undefined);
  }

  /** The remaining ttl of the entry under `key` in **seconds**; `null` if it does not expire, `undefined` if there is none. */
  ttl(key: string): number | null | undefined {
    const slot = this.#scope.find(key);
    const left = slot === undefined ? undefined : this.#scope.table.remaining(slot);
    return this.#scope.done(left === Infinity ? null : left && left / 1000);
  }

  /**
   * Stores `value` under `key`. An older value is replaced together with its ttl and its size. Expired entries make
   * room first, then the least recently used.
   *
   * @param options - the ttl, in **seconds** or with a unit, like `"5m"`; or an object with it and more.
   */
  set<const O extends SetArgument>(key: string, value: V, options?: O & Checked<O>): this {
    const scope = this.#scope;
    if (options !== undefined || !scope.isPlain) {
      scope.store(scope.checked(key, value, options));
    } else if (value === undefined || this.#direct?.put(key, value, scope.settings.ttl) !== true) {
      // Without an object for the write.
      checkValue(key, value);
      scope.end(scope.table.set(key, value, 0, scope.settings.ttl, 0) ? undefined : outOfMemory(key));
    }
    return this;
  }

  /** Stores `value` as `set` does, but only if there is no entry under `key`. Returns whether it was stored. */
  setIfAbsent<const O extends SetArgument>(key: string, value: V, options?: O & Checked<O>): boolean {
    return this.#scope.storeIf(false, key, value, options);
  }

  /** Stores `value` as `set` does, but only if there is an entry under `key`. Returns whether it was stored. */
  replace<const O extends SetArgument>(key: string, value: V, options?: O & Checked<O>): boolean {
    return this.#scope.storeIf(true, key, value, options);
  }

  /** The value under `key`, or `undefined`. Restarts its ttl with `ttl`, by default the cache's. Counts as `get`. */
  getAndTouch<T extends V = V>(key: string, ttl?: Ttl | null): T | undefined {
    const whole = resolveTtl(ttl, this.#scope.settings.ttl);
    const slot = this.#scope.find(key);
    const value = this.get<T>(key);
    if (slot !== undefined) {
      this.#scope.setTtl(key, slot, whole);
    }
    return value;
  }

  /** @internal As `getMany`, without counting lookups. */
  readMany(keys: readonly string[]): (V | undefined)[] {
    checkKeys(keys);
    return this.#scope.done(keys.map((key) => this.#scope.read(key)));
  }

  /** @internal As `getAndTouch`, without counting a lookup. */
  readAndTouch(key: string, ttl?: Ttl | null): V | undefined {
    const value = this.#scope.read(key);
    this.touch(key, ttl);
    return value;
  }

  /** @internal As `getAndDelete`, without counting a lookup. */
  readAndDelete(key: string): V | undefined {
    const value = this.#scope.read(key);
    this.delete(key);
    return value;
  }

  /**
   * Restarts the ttl of the entry under `key` with `ttl`, by default the cache's. Returns whether there is an entry.
   */
  touch(key: string, ttl?: Ttl | null): boolean {
    const whole = resolveTtl(ttl, this.#scope.settings.ttl);
    const slot = this.#scope.find(key);
    if (slot !== undefined) {
      this.#scope.setTtl(key, slot, whole);
      this.#scope.table.touch(slot);
    }
    return this.#scope.done(slot !== undefined);
  }

  /**
   * Adds `by` to the number under `key`, and returns the sum. A new number starts at 0 and gets the ttl of `options`;
   * an existing one keeps its own.
   *
   * @throws TypeError if the entry is not a whole number, RangeError if the sum is beyond what a number holds exactly.
   */
  increment(key: string, by = 1, options?: SetOptions | Ttl | null): number {
    return increment(this.#scope, key, by, options);
  }

  /**
   * Raises the number under `key` to at least `floor`, adds `by`, and stores the sum unless it is above `ceiling`.
   * Returns whether it was stored, and the sum or the current count. A new number starts at 0. A stored one gets the
   * ttl of `options`.
   *
   * @throws TypeError if the entry is not a whole number, RangeError for a number beyond what is exact.
   */
  incrementWithin(key: string, by: number, options: IncrementWithinOptions): BoundedIncrement {
    return incrementWithin(this.#scope, key, by, options);
  }

  /**
   * The entry under `key`, fresh or stale; `undefined` if there is none. A fresh one counts as a hit and as a use;
   * otherwise this counts as a miss.
   */
  getEntry(key: string): Entry<V> | undefined {
    const slot = this.#scope.table.findKept(this.#scope.key(key));
    if (slot === undefined) {
      this.#scope.miss(key);
      return this.#scope.done(undefined);
    }
    const freshFor = this.#scope.table.remaining(slot);
    const value = this.#scope.valueAt(slot);
    if (freshFor > 0) {
      this.#scope.table.use(slot);
      this.#scope.advisor?.hit(this.#scope.key(key), slot);
    } else {
      this.#scope.miss(key);
    }
    return this.#scope.done({ value, freshFor: freshFor === Infinity ? null : freshFor });
  }

  /** Removes the entry under `key`. Returns whether there was one. */
  delete(key: string): boolean {
    const deleted = this.#scope.table.delete(this.#scope.key(key));
    if (!deleted) {
      checkKey(key);
      this.#scope.table.checkUsable();
    }
    return this.#scope.done(deleted);
  }

  /** The values under `keys`, in the same order, each as by `get`. */
  getMany<T extends V = V>(keys: readonly string[]): (T | undefined)[] {
    checkKeys(keys);
    return this.#scope.done(keys.map((key) => this.#scope.lookup(key) as T | undefined));
  }

  /**
   * Stores every entry, as `set` does; none if one of them is refused. If one is refused for its size, older values
   * under the keys are removed.
   */
  setMany(entries: readonly SetEntry<V>[]): void {
    checkList("entries", entries);
    this.#scope.storeAll(entries.map((entry) => this.#scope.checkedEntry(entry)));
  }

  /** Removes the entries under `keys`. Returns for each, in order, whether it existed. */
  deleteManyEach(keys: readonly string[]): boolean[] {
    checkKeys(keys);
    this.#scope.table.checkUsable();
    return this.#scope.done(keys.map((key) => this.#scope.table.delete(this.#scope.key(key))));
  }

  /** Removes every entry of this cache or namespace. The counts continue. */
  clear(): void {
    if (this.#scope.prefix === "") {
      this.#scope.table.clear();
      this.#scope.report();
    } else {
      this.clearPattern("*");
    }
  }

  /**
   * Removes all entries whose key matches a pattern. Returns how many existed. It visits every key, unless the pattern
   * has no wildcard.
   *
   * Patterns are Redis globs: `*` is any run of bytes, `?` any one byte, `[a-z]` and `[^a]` one byte of a set; `\` makes the
   * next character literal, and `escapeGlob` makes a whole text literal.
   */
  clearPattern(pattern: string): number {
    checkPattern(pattern);
    const table = this.#scope.table;
    table.sweep();
    const whole = escapeGlob(this.#scope.prefix) + pattern;
    return this.#scope.done(matching(whole, table.contents.index).filter(([key]) => table.delete(key)).length);
  }

  /** Removes every expired entry, and returns their number. Calling it is optional: writes also do this. */
  sweep(): number {
    const before = this.#scope.table.contents.size;
    this.#scope.table.sweep();
    return this.#scope.done(before - this.#scope.table.contents.size);
  }

  /**
   * Sets new limits, for all namespaces. Entries beyond them are evicted at once.
   *
   * @param maxEntries - `Infinity` for no limit.
   * @param maxBytes - needs `sizeOf`; `undefined` leaves the limit as it is.
   */
  resize(maxEntries: number, maxBytes?: number): void {
    const { table, settings } = this.#scope;
    resize(settings, maxEntries, maxBytes);
    table.setLimits(settings.maxEntries, settings.maxBytes);
    this.#scope.advisor?.resized();
    this.#scope.report();
  }

  /** The number of entries of this cache or namespace. In a namespace, this visits every key. */
  get size(): number {
    this.sweep();
    return this.#scope.prefix === "" ? this.#scope.table.size : [...this.keys()].length;
  }

  /** The current limits; `Infinity` if there is none. */
  get limits(): { maxEntries: number; maxBytes: number } {
    const { maxEntries, maxBytes } = this.#scope.settings;
    return { maxEntries, maxBytes };
  }

  /** Exact counts, for all namespaces together. */
  stats(): CacheStats & { entries: number } {
    this.sweep();
    const counts = this.#scope.table.counts();
    const { hits, misses } = counts;
    return { ...counts, hitRate: hits / (hits + misses || 1), bytes: this.#scope.settings.sizeOf && counts.bytes };
  }

  /**
   * The estimated hit ratios of this cache at a quarter, a half, one, two and four times its size, under each policy;
   * `undefined` without the option `advise`, empty before the first lookup. Each ratio covers the lookups since the
   * cache was created, or since `resize` changed its size. At the current size, under the current policy, it is exact;
   * the others are estimated from a sample of the keys.
   */
  advise(): Estimate[] | undefined {
    return this.#scope.advisor?.estimates();
  }

  /** The keys, from the most to the least recently used; with `pattern`, a Redis glob, those that match it. */
  *keys(pattern?: string): IterableIterator<string> {
    if (pattern !== undefined) {
      checkPattern(pattern);
    }
    for (const [key] of this.#scope.walk(pattern)) {
      yield key;
    }
  }

  /**
   * The entries, from the most to the least recently used; copies with `clone`. Neither counted nor a use. The order is
   * that of the first step; entries that leave during the iteration are skipped, and new ones are not seen.
   */
  *entries(): IterableIterator<[key: string, value: V]> {
    for (const [key, slot] of this.#scope.walk()) {
      yield [key, this.#scope.valueAt(slot)];
    }
  }

  /**
   * All entries with their remaining ttl, from the least to the most recently used, for `load`. It is JSON if the values are.
   */
  dump(): SetEntry<V>[] {
    return [...this.#scope.walk()].reverse().map(([key, slot]) => {
      const left = this.#scope.table.remaining(slot);
      return { key, value: this.#scope.valueAt(slot), ttl: left === Infinity ? null : `${left}ms` };
    });
  }

  /**
   * A view of this cache whose keys all begin with `prefix` and a `:`, with the same limits, counts and listener.
   * `namespace("a").namespace("b")` is `namespace("a:b")`.
   */
  namespace<N extends V = V>(prefix: string): MemoryCache<N> {
    return new MemoryCache<N>(undefined, this.#scope.within<N>(prefix));
  }

  /**
   * Removes every entry, and frees the memory, also in WebAssembly; without it, the garbage collector does so. Neither
   * this cache nor its namespaces can be used afterwards. A second call does nothing.
   */
  close(): void {
    this.#scope.table.dispose(() => this.#scope.report());
  }
}
