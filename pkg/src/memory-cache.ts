import {
  checkInteger,
  checkKey,
  checkKeys,
  checkList,
  checkObject,
  checkPattern,
  checkText,
  checkValue,
  quote,
} from "./check.js";
import { type BoundedIncrement, checkedBounds, type IncrementWithinOptions } from "./counters.js";
import { MemoryMethods } from "./memory-methods.js";
import { entryBytes, entryLimit, type Settings, settingsOf } from "./memory-options.js";
import { checkedWrite, copied, outOfMemory, store, type Write } from "./memory-write.js";
import { matching } from "./pattern.js";
import { escapeGlob, prefixOf } from "./prefix.js";
import { report } from "./removals.js";
import { brand } from "./shared.js";
import { Table } from "./table.js";
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
import { resolve, resolveTtl, takeResolved, writeOptions } from "./write-options.js";

const SET_OPTIONS = ["ttl", "expiresAt", "staleFor"];
const ENTRY_OPTIONS = ["key", "value", ...SET_OPTIONS];
const MOST = Number.MAX_SAFE_INTEGER;

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
 * Every method throws a `TypeError` or `RangeError` for an argument outside the limits, and names it. Nothing was changed
 * then, except that a value refused for its size leaves no older one.
 */
export class MemoryCache<V = unknown> extends MemoryMethods<V> {
  readonly #table: Table<V>;
  readonly #settings: Settings<V>;
  readonly #prefix: string;
  /** Whether keys and values are stored as they are given, and have no sizes. */
  readonly #isPlain: boolean;

  /** @throws TypeError or RangeError for an option of the wrong type or out of range, naming it. */
  constructor(options?: MemoryCacheOptions<V>);
  /** @internal */
  constructor(settings: Settings<V>, table: Table<V>, prefix: string);
  constructor(options: MemoryCacheOptions<V> | Settings<V> = {}, table?: Table<V>, prefix = "") {
    super();
    brand(MemoryCache, "MemoryCache");
    takeResolved(MemoryCache);
    this.#settings = table === undefined ? settingsOf(options as MemoryCacheOptions<V>) : (options as Settings<V>);
    this.#table = table ?? new Table(this.#settings);
    this.#prefix = prefix;
    this.#isPlain = prefix === "" && this.#settings.sizeOf === undefined && !this.#settings.clone;
  }

  /**
   * The form of the engine that all caches run on: `"wasm"`, or `"js"` where WebAssembly is not to be had or would cost more
   * than it brings. Both decide the same. The engine starts with the first cache, or with the first look at this.
   */
  static get engine(): EngineForm {
    return startEngine();
  }

  /** The value under `key`, or `undefined`. Counts as a hit or a miss, and as a use of the entry. */
  get<T extends V = V>(key: string): T | undefined {
    return this.#done(this.#lookup(key) as T | undefined);
  }

  /** The value under `key`, or `undefined`. Neither counted nor a use of the entry. */
  peek<T extends V = V>(key: string): T | undefined {
    const slot = this.#find(key);
    return this.#done(slot === undefined ? undefined : (this.#valueAt(slot) as T));
  }

  /** Whether there is an entry under `key`. Neither counted nor a use of the entry. */
  has(key: string): boolean {
    return this.#done(this.#find(key) !== undefined);
  }

  /** The remaining ttl of the entry under `key` in **seconds**; `null` if it does not expire, `undefined` if there is none. */
  ttl(key: string): number | null | undefined {
    const slot = this.#find(key);
    const left = slot === undefined ? undefined : this.#table.remaining(slot);
    return this.#done(left === Infinity ? null : left && left / 1000);
  }

  /**
   * Stores `value` under `key`. An older value is replaced with all that belonged to it: its ttl and its size. Expired entries
   * make room first, then the least recently used.
   *
   * @param options - the ttl, in **seconds** or with a unit, like `"5m"`; or an object with it and more.
   */
  set<const O extends SetArgument>(key: string, value: V, options?: O & Checked<O>): this {
    if (options === undefined && this.#isPlain) {
      // The common case, without an object for the write.
      checkValue(key, value);
      this.#throw(this.#table.set(key, value, 0, this.#settings.ttl, 0) ? undefined : outOfMemory(key));
    } else {
      this.#store(this.#checked(key, value, options));
    }
    return this;
  }

  /** Stores `value` as `set` does, if there is no entry under `key`. Returns whether it was stored. */
  setIfAbsent<const O extends SetArgument>(key: string, value: V, options?: O & Checked<O>): boolean {
    return this.#setIf(false, key, value, options);
  }

  /** Stores `value` as `set` does, if there is an entry under `key`. Returns whether it was stored. */
  replace<const O extends SetArgument>(key: string, value: V, options?: O & Checked<O>): boolean {
    return this.#setIf(true, key, value, options);
  }

  /** The value under `key`, or `undefined`; its ttl starts again with `ttl`, by default the cache's. Counts as `get`. */
  getAndTouch<T extends V = V>(key: string, ttl?: Ttl | null): T | undefined {
    const whole = resolveTtl(ttl, this.#settings.ttl);
    const slot = this.#find(key);
    const value = this.get<T>(key);
    if (slot !== undefined) {
      this.#setTtl(key, slot, whole);
    }
    return value;
  }

  /** @internal As `getMany`, without counting lookups. */
  readMany(keys: readonly string[]): (V | undefined)[] {
    checkKeys(keys);
    return this.#done(keys.map((key) => this.#read(key)));
  }

  /** @internal As `getAndTouch`, without counting a lookup. */
  readAndTouch(key: string, ttl?: Ttl | null): V | undefined {
    const value = this.#read(key);
    this.touch(key, ttl);
    return value;
  }

  /** @internal As `getAndDelete`, without counting a lookup. */
  readAndDelete(key: string): V | undefined {
    const value = this.#read(key);
    this.delete(key);
    return value;
  }

  #read(key: string): V | undefined {
    const slot = this.#find(key);
    if (slot === undefined) {
      return undefined;
    }
    this.#table.touch(slot);
    return copied(this.#settings, this.#table.contents.value(slot));
  }

  /** Starts the ttl of the entry under `key` again with `ttl`, by default the cache's. Returns whether there is an entry. */
  touch(key: string, ttl?: Ttl | null): boolean {
    const whole = resolveTtl(ttl, this.#settings.ttl);
    const slot = this.#find(key);
    if (slot !== undefined) {
      this.#setTtl(key, slot, whole);
      this.#table.touch(slot);
    }
    return this.#done(slot !== undefined);
  }

  /**
   * Adds `by` to the number under `key`, and returns the sum. A new number starts at 0 and gets the ttl of `options`; an old
   * one keeps its own.
   *
   * @throws TypeError if the entry is not a whole number, RangeError if the sum is beyond what a number holds exactly.
   */
  increment(key: string, by = 1, options?: SetOptions | Ttl | null): number {
    checkInteger("by", by, -MOST, MOST);
    const slot = this.#find(key);
    const sum = checkInteger(`the sum under key ${quote(key)}`, this.#counter(key, slot) + by, -MOST, MOST);
    const write = this.#checked(key, sum as V, options);
    if (typeof write.weight !== "number") {
      throw write.weight;
    }
    this.#store(slot === undefined ? write : { ...write, ttl: this.#table.remaining(slot) });
    return sum;
  }

  /**
   * Raises the number under `key` to at least `floor`, adds `by`, and stores the sum, unless it is above `ceiling`. Returns
   * whether it was stored, and the sum or the present count. A new number starts at 0. A stored one gets the ttl of `options`.
   *
   * @throws TypeError if the entry is not a whole number, RangeError for a number beyond what is exact.
   */
  incrementWithin(key: string, by: number, options: IncrementWithinOptions): BoundedIncrement {
    const { floor, ceiling, ttl } = checkedBounds(by, options);
    const slot = this.#find(key);
    const before = Math.max(this.#counter(key, slot), floor);
    const stored = before + by <= ceiling;
    const count = stored ? before + by : before;
    const time = resolveTtl(ttl, this.#settings.ttl);
    const write = this.#checked(key, count as V, writeOptions(time));
    if (typeof write.weight !== "number") {
      throw write.weight;
    }
    this.#throw(stored ? store(this.#table, this.#settings, write) : undefined);
    return { stored, count };
  }

  #counter(key: string, slot: number | undefined): number {
    const value: unknown = slot === undefined ? 0 : this.#table.contents.value(slot);
    if (!Number.isSafeInteger(value)) {
      throw new TypeError(`isocache: key ${quote(key)} holds a value that is not a counter; delete it first`);
    }
    return value as number;
  }

  /**
   * The entry under `key`, be it fresh or stale; `undefined` if there is none. A fresh one counts as a hit and as a use, else it
   * is a miss.
   */
  getEntry(key: string): Entry<V> | undefined {
    const slot = this.#table.findKept(this.#key(key));
    if (slot === undefined) {
      this.#miss(key);
      return this.#done(undefined);
    }
    const freshFor = this.#table.remaining(slot);
    const value = this.#valueAt(slot);
    if (freshFor > 0) {
      this.#table.use(slot);
    } else {
      this.#table.miss();
    }
    return this.#done({ value, freshFor: freshFor === Infinity ? null : freshFor });
  }

  /** Removes the entry under `key`. Returns whether there was one. */
  delete(key: string): boolean {
    const deleted = this.#table.delete(this.#key(key));
    if (!deleted) {
      checkKey(key);
      this.#table.checkUsable();
    }
    return this.#done(deleted);
  }

  /** The values under `keys`, in their order, each as by `get`. */
  getMany<T extends V = V>(keys: readonly string[]): (T | undefined)[] {
    checkKeys(keys);
    return this.#done(keys.map((key) => this.#lookup(key) as T | undefined));
  }

  /**
   * Stores every entry, as `set` does; none if one of them is refused. If one is refused for its size, older values under the keys
   * are removed.
   */
  setMany(entries: readonly SetEntry<V>[]): void {
    checkList("entries", entries);
    const writes = entries.map((entry) => {
      checkObject("entry", entry);
      const options = resolve(entry, ENTRY_OPTIONS, this.#settings.ttl);
      checkText(entry.key);
      return this.#checked(entry.key, entry.value, options);
    });
    const refused =
      this.#settings.onOversize === "throw" ? writes.find(({ weight }) => typeof weight !== "number") : undefined;
    let error: unknown;
    for (const write of writes) {
      if (refused === undefined) {
        error ??= store(this.#table, this.#settings, write);
      } else {
        this.#table.delete(write.key);
      }
    }
    this.#throw(refused?.weight ?? error);
  }

  /** Removes the entries under `keys`. Returns for each, in their order, whether there was one. */
  deleteManyEach(keys: readonly string[]): boolean[] {
    checkKeys(keys);
    this.#table.checkUsable();
    return this.#done(keys.map((key) => this.#table.delete(this.#key(key))));
  }

  /** Removes every entry of this cache or namespace. The counts go on. */
  clear(): void {
    if (this.#prefix === "") {
      this.#table.clear();
      this.#report();
    } else {
      this.clearPattern("*");
    }
  }

  /**
   * Removes all entries whose key matches a pattern. Returns how many there were. It looks at every key, unless the pattern has
   * no wildcard.
   *
   * Patterns are Redis globs: `*` is any run of bytes, `?` any one byte, `[a-z]` and `[^a]` one byte of a set; `\` makes the
   * next character literal, and `escapeGlob` makes a whole text literal.
   */
  clearPattern(pattern: string): number {
    checkPattern(pattern);
    const table = this.#table;
    table.sweep();
    const whole = escapeGlob(this.#prefix) + pattern;
    return this.#done(matching(whole, table.contents.entries()).filter(([key]) => table.delete(key)).length);
  }

  /** Removes every expired entry. Returns how many there were. There is no need to call it: writes do so in passing. */
  sweep(): number {
    const before = this.#table.contents.size;
    this.#table.sweep();
    return this.#done(before - this.#table.contents.size);
  }

  /**
   * Sets new limits, for all namespaces. Entries over them are evicted at once.
   *
   * @param maxEntries - `Infinity` for no limit.
   * @param maxBytes - needs `sizeOf`; `undefined` leaves the limit as it is.
   */
  resize(maxEntries: number, maxBytes?: number): void {
    const settings = this.#settings;
    const entries = entryLimit(maxEntries);
    settings.maxBytes = maxBytes === undefined ? settings.maxBytes : entryBytes("maxBytes", maxBytes, settings.sizeOf);
    settings.maxEntries = entries;
    this.#table.setLimits(entries, settings.maxBytes);
    this.#report();
  }

  /** The number of entries of this cache or namespace; of a namespace, by counting them. */
  get size(): number {
    this.sweep();
    return this.#prefix === "" ? this.#table.size : [...this.keys()].length;
  }

  /** The limits in force; `Infinity` where there is none. */
  get limits(): { maxEntries: number; maxBytes: number } {
    const { maxEntries, maxBytes } = this.#settings;
    return { maxEntries, maxBytes };
  }

  /** Exact counts, for all namespaces together. */
  stats(): CacheStats & { entries: number } {
    this.sweep();
    const counts = this.#table.counts();
    const { hits, misses } = counts;
    return { ...counts, hitRate: hits / (hits + misses || 1), bytes: this.#settings.sizeOf && counts.bytes };
  }

  /** The keys, from the most to the least recently used; with `pattern`, a Redis glob, those that match it. */
  *keys(pattern?: string): IterableIterator<string> {
    if (pattern !== undefined) {
      checkPattern(pattern);
    }
    for (const [key] of this.#walk(pattern)) {
      yield key;
    }
  }

  /**
   * The entries, from the most to the least recently used; copies with `clone`. Neither counted nor a use. The order is that
   * of the first step; entries that leave during the iteration are left out, new ones are not seen.
   */
  *entries(): IterableIterator<[key: string, value: V]> {
    for (const [key, slot] of this.#walk()) {
      yield [key, this.#valueAt(slot)];
    }
  }

  /**
   * All entries with their remaining ttl, from the least to the most recently used, for `load`. It is JSON if the values are.
   */
  dump(): SetEntry<V>[] {
    return [...this.#walk()].reverse().map(([key, slot]) => {
      const left = this.#table.remaining(slot);
      return { key, value: this.#valueAt(slot), ttl: left === Infinity ? null : `${left}ms` };
    });
  }

  /**
   * A view of this cache whose keys all begin with `prefix` and a `:`, with the same limits, counts and listener.
   * `namespace("a").namespace("b")` is `namespace("a:b")`.
   */
  namespace<N extends V = V>(prefix: string): MemoryCache<N> {
    const settings = this.#settings as unknown as Settings<N>;
    return new MemoryCache<N>(settings, this.#table as unknown as Table<N>, this.#prefix + prefixOf(prefix));
  }

  /**
   * Removes every entry, and frees the memory, in WebAssembly too; without it, the garbage collector does so. Neither this cache
   * nor its namespaces can be used afterwards. A second call does nothing.
   */
  close(): void {
    this.#table.dispose(() => this.#report());
  }

  /** A key with the namespace in front. */
  #key(key: string): string {
    return this.#prefix === "" ? key : this.#prefixed(key);
  }

  #prefixed(key: string): string {
    checkText(key);
    const whole = this.#prefix + key;
    checkKey(whole);
    return whole;
  }

  #valueAt(slot: number): V {
    return copied(this.#settings, this.#table.contents.value(slot));
  }

  /** The value of the fresh entry under `key`, counted. Entries that left are still to be reported. */
  #lookup(key: string): V | undefined {
    const value = this.#table.lookup(this.#key(key));
    if (value === undefined) {
      this.#miss(key);
    }
    return copied(this.#settings, value);
  }

  /** The slot of the entry under `key`, without counting a lookup. Entries that left are still to be reported. */
  #find(key: string): number | undefined {
    const slot = this.#table.find(this.#key(key));
    if (slot === undefined) {
      checkKey(key);
      this.#table.checkUsable();
    }
    return slot;
  }

  #miss(key: string): void {
    checkKey(key);
    this.#table.miss();
  }

  /** Keys, without the namespace, and slots in the order of `entries`. */
  *#walk(pattern?: string): Iterable<[key: string, slot: number]> {
    this.sweep();
    const order = this.#table.order();
    const [prefix, table] = [this.#prefix, this.#table];
    const whole = pattern === undefined && prefix === "" ? undefined : escapeGlob(prefix) + (pattern ?? "*");
    for (const [key, slot] of whole === undefined ? order : matching(whole, order)) {
      const isLive = table.find(key) === slot;
      this.#report();
      if (isLive) {
        yield [key.slice(prefix.length), slot];
      }
    }
  }

  #checked(key: string, value: V, options: unknown): Write<V> {
    const settings = this.#settings;
    return checkedWrite(settings, this.#key(key), key, value, resolve(options, SET_OPTIONS, settings.ttl));
  }

  #store(write: Write<V>): void {
    this.#throw(store(this.#table, this.#settings, write));
  }

  #setIf(isThere: boolean, key: string, value: V, options: unknown): boolean {
    const write = this.#checked(key, value, options);
    const stores = (this.#find(key) !== undefined) === isThere;
    this.#throw(stores ? store(this.#table, this.#settings, write) : undefined);
    return stores && typeof write.weight === "number";
  }

  #setTtl(key: string, slot: number, ttl: number): void {
    if (!this.#table.setTtl(slot, ttl)) {
      throw outOfMemory(key);
    }
  }

  /** Reports entries that left. No table is being changed here, so that the listener may use the cache. */
  #report(): void {
    if (this.#settings.onRemoval !== undefined) {
      report(this.#table.contents, this.#settings.onRemoval);
    }
  }

  /** The result of an operation that is complete. */
  #done<R>(result: R): R {
    this.#report();
    return result;
  }

  /** Throws the error of an operation that is complete, if there is one. */
  #throw(error: unknown): void {
    this.#report();
    if (error !== undefined) {
      throw error;
    }
  }
}
