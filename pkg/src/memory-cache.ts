/// <reference lib="esnext.disposable" preserve="true" />

import {
  checkFunction,
  checkInteger,
  checkKey,
  checkKeys,
  checkList,
  checkObject,
  checkOptions,
  checkPattern,
  checkText,
  checkValue,
  quote,
  wrongType,
} from "./check.js";
import { monotonicNow } from "./clock.js";
import { matching } from "./pattern.js";
import { brand } from "./shared.js";
import { Table } from "./table.js";
import { milliseconds, staleMilliseconds } from "./ttl.js";
import type { CacheStats, Entry, MemoryCacheOptions, Removal, SetEntry, SetOptions, Ttl } from "./types.js";

/** What a `Map` holds in V8. */
const MAX_ENTRIES = 2 ** 24;
const OPTIONS = ["maxEntries", "maxBytes", "sizeOf", "ttl", "clone", "clock", "onRemoval"];

/**
 * A bounded cache in memory, synchronous and shaped like a `Map`: least recently used first, with a life for each entry.
 *
 * Iteration goes from the most to the least recently used. Looking at `size`, `stats()`, `keys()` or `entries()` first
 * removes what has expired.
 *
 * ```js
 * import { MemoryCache } from "isocache";
 *
 * const users = new MemoryCache({ maxEntries: 500, ttl: "5m" });
 * users.set("user:1", { name: "Ada" });
 * users.get("user:1"); // { name: "Ada" }
 * users.clearPattern("user:*"); // 1
 * ```
 */
export class MemoryCache<V = unknown> {
  readonly #table: Table<V>;
  #maxEntries: number;
  #maxBytes: number;
  readonly #ttl: number;
  readonly #sizeOf: ((value: V, key: string) => number) | undefined;
  readonly #clone: boolean;
  readonly #onRemoval: ((removal: Removal<V>) => void) | undefined;

  /** @throws TypeError or RangeError for an option of the wrong type or out of range, naming it. */
  constructor(options: MemoryCacheOptions<V> = {}) {
    checkOptions(options, OPTIONS);
    const { maxEntries = 1000, maxBytes, sizeOf, ttl = null, clone = false, clock = monotonicNow, onRemoval } = options;
    checkFunction("sizeOf", sizeOf);
    checkFunction("clock", clock);
    checkFunction("onRemoval", onRemoval);
    if (typeof clone !== "boolean") {
      throw wrongType("clone", "a boolean", clone);
    }
    this.#sizeOf = sizeOf;
    this.#clone = clone;
    this.#onRemoval = onRemoval;
    this.#ttl = milliseconds(ttl);
    this.#maxEntries = checkInteger("maxEntries", maxEntries, 1, MAX_ENTRIES);
    this.#maxBytes = this.#checkMaxBytes(maxBytes);
    this.#table = new Table(this.#maxEntries, this.#maxBytes, clock, sizeOf !== undefined, onRemoval !== undefined);
  }

  /**
   * The value under `key`, or `undefined`. Counts as a hit or a miss, and as a use of the entry.
   *
   * @throws TypeError or RangeError for what is no key.
   */
  get(key: string): V | undefined {
    const value = this.#table.lookup(key);
    if (value === undefined) {
      checkKey(key);
      this.#table.miss();
    }
    this.#report();
    return this.#copy(value);
  }

  /** The value under `key`, or `undefined`. Neither counted nor a use of the entry. @throws as `get`. */
  peek(key: string): V | undefined {
    const slot = this.#find(key);
    const value = slot === undefined ? undefined : this.#table.value(slot);
    this.#report();
    return this.#copy(value);
  }

  /** Whether there is an entry under `key`. Neither counted nor a use of the entry. @throws as `get`. */
  has(key: string): boolean {
    const found = this.#find(key) !== undefined;
    this.#report();
    return found;
  }

  /** The same as `has`, by the name that the other providers use. */
  exists(key: string): boolean {
    return this.has(key);
  }

  /**
   * How long the entry is still fresh, in **seconds**; `null`: it does not expire; `undefined`: there is none.
   *
   * @throws as `get`.
   */
  ttl(key: string): number | null | undefined {
    const slot = this.#find(key);
    const left = slot === undefined ? undefined : this.#table.remaining(slot);
    this.#report();
    return left === Infinity ? null : left && left / 1000;
  }

  /**
   * Stores `value` under `key`. A value that is there already is replaced with all that belonged to it: its ttl and its
   * size. Expired entries make room first, then the least recently used.
   *
   * @param options - the ttl, or an object with it: in **seconds** or with a unit, like `"5m"`.
   * @throws TypeError or RangeError for a key, value or ttl outside the limits; nothing was changed then.
   */
  set(key: string, value: V, options?: SetOptions | Ttl | null): this {
    const { ttl, staleFor } = typeof options === "object" && options !== null ? options : { ttl: options };
    checkValue(key, value);
    const whole = this.#ttlOf(ttl);
    this.#store(key, this.#copy(value), this.#weigh(key, value), whole, staleMilliseconds(staleFor, whole));
    this.#report();
    return this;
  }

  /**
   * The entry under `key`, be it fresh or stale; `undefined` if there is none. A fresh one counts as a hit and as a use,
   * else it is a miss. @throws as `get`.
   */
  getEntry(key: string): Entry<V> | undefined {
    const slot = this.#table.findKept(key);
    if (slot === undefined) {
      checkKey(key);
      this.#table.miss();
      this.#report();
      return undefined;
    }
    const freshFor = this.#table.remaining(slot);
    const value = this.#table.value(slot);
    if (freshFor > 0) {
      this.#table.use(slot);
    } else {
      this.#table.miss();
    }
    this.#report();
    return { value: this.#copy(value), freshFor: freshFor === Infinity ? null : freshFor };
  }

  /** Removes the entry under `key`; true if there was one. @throws as `get`. */
  delete(key: string): boolean {
    const deleted = this.#table.delete(key);
    if (!deleted) {
      checkKey(key);
      this.#table.checkUsable();
    }
    this.#report();
    return deleted;
  }

  /** The values under `keys`, in their order, each as `get`. @throws as `get`; nothing was counted then. */
  getMany(keys: readonly string[]): (V | undefined)[] {
    checkKeys(keys);
    const values = keys.map((key) => {
      const value = this.#table.lookup(key);
      if (value === undefined) {
        this.#table.miss();
      }
      return this.#copy(value);
    });
    this.#report();
    return values;
  }

  /** Stores every entry, as `set`. @throws as `set`; none was stored then. */
  setMany(entries: readonly SetEntry<V>[]): void {
    checkList("entries", entries);
    const checked = entries.map((entry) => {
      checkObject("entry", entry);
      const { key, value, ttl, staleFor } = entry;
      checkText(key);
      checkValue(key, value);
      const whole = this.#ttlOf(ttl);
      const weight = this.#weigh(key, value);
      return { key, value: this.#copy(value), weight, ttl: whole, staleFor: staleMilliseconds(staleFor, whole) };
    });
    for (const { key, value, weight, ttl, staleFor } of checked) {
      this.#store(key, value, weight, ttl, staleFor);
    }
    this.#report();
  }

  /** Removes the entries under `keys`, and returns how many there were. @throws as `get`; none was removed then. */
  deleteMany(keys: readonly string[]): number {
    checkKeys(keys);
    this.#table.checkUsable();
    const deleted = keys.filter((key) => this.#table.delete(key)).length;
    this.#report();
    return deleted;
  }

  /** Removes every entry and gives the memory back. The counts go on. */
  clear(): void {
    this.#table.clear();
    this.#report();
  }

  /**
   * Removes all entries whose key matches a pattern, and returns how many there were. It looks at every key, unless the
   * pattern has no wildcard.
   *
   * The patterns are Redis': `*` any run, `?` any one byte, `[a-z]` and `[^a]` one byte of a set, `\` before what is
   * meant literally.
   *
   * @throws TypeError or RangeError for what is no text or empty.
   */
  clearPattern(pattern: string): number {
    checkPattern(pattern);
    const table = this.#table;
    table.sweep();
    const cleared = matching(pattern, table.entries()).filter(([key]) => table.delete(key)).length;
    this.#report();
    return cleared;
  }

  /** Removes every entry that has expired, and returns how many. Nobody needs to call it: writes do so in passing. */
  sweep(): number {
    const before = this.#table.held;
    this.#table.sweep();
    const swept = before - this.#table.held;
    this.#report();
    return swept;
  }

  /**
   * Sets new limits. What is over them leaves at once.
   *
   * @param maxBytes - needs `sizeOf`; `undefined` leaves the limit as it is.
   * @throws TypeError or RangeError as the constructor.
   */
  resize(maxEntries: number, maxBytes?: number): void {
    checkInteger("maxEntries", maxEntries, 1, MAX_ENTRIES);
    this.#maxBytes = maxBytes === undefined ? this.#maxBytes : this.#checkMaxBytes(maxBytes);
    this.#maxEntries = maxEntries;
    this.#table.setLimits(maxEntries, this.#maxBytes);
    this.#report();
  }

  /** The number of live entries. */
  get size(): number {
    this.sweep();
    return this.#table.size;
  }

  /** The limits in force; `maxBytes` is `Infinity` where there is none. */
  get limits(): { maxEntries: number; maxBytes: number } {
    return { maxEntries: this.#maxEntries, maxBytes: this.#maxBytes };
  }

  /** Exact counts, and what there is now. */
  stats(): CacheStats & { entries: number } {
    this.sweep();
    const counts = this.#table.counts();
    const { hits, misses } = counts;
    return { ...counts, hitRate: hits / (hits + misses || 1), bytes: this.#sizeOf && counts.bytes };
  }

  /** The keys, from the most to the least recently used. */
  *keys(): IterableIterator<string> {
    for (const [key] of this.entries()) {
      yield key;
    }
  }

  /**
   * The entries, from the most to the least recently used; copies with `clone`. Neither counted nor a use. The order is
   * that of the first step; entries that leave during the walk are passed over, new ones are not seen.
   */
  *entries(): IterableIterator<[key: string, value: V]> {
    this.sweep();
    for (const [key, slot] of this.#table.order()) {
      const live = this.#table.find(key) === slot;
      const value = live ? this.#table.value(slot) : undefined;
      this.#report();
      if (live) {
        yield [key, this.#copy(value as V)];
      }
    }
  }

  /** The same as `entries`. */
  [Symbol.iterator](): IterableIterator<[key: string, value: V]> {
    return this.entries();
  }

  /** Gives the memory back, in wasm too. Without it, the garbage collector does so. The cache cannot be used again. */
  [Symbol.dispose](): void {
    this.#table.dispose();
  }

  /** The same as `[Symbol.dispose]`. */
  close(): void {
    this.#table.dispose();
  }

  /** What is given out for a value, or for `undefined`. */
  #copy<T extends V | undefined>(value: T): T {
    return this.#clone ? structuredClone(value) : value;
  }

  /** The slot of the live entry under `key`, for what does not count as a lookup. What left is still to be reported. */
  #find(key: string): number | undefined {
    const slot = this.#table.find(key);
    if (slot === undefined) {
      checkKey(key);
      this.#table.checkUsable();
    }
    return slot;
  }

  #ttlOf(ttl: Ttl | null | undefined): number {
    return ttl === undefined ? this.#ttl : milliseconds(ttl);
  }

  #weigh(key: string, value: V): number {
    if (this.#sizeOf === undefined) {
      return 0;
    }
    checkText(key);
    const weight = checkInteger("sizeOf(value, key)", this.#sizeOf(value, key), 0, Number.MAX_SAFE_INTEGER);
    if (weight > this.#maxBytes) {
      throw new RangeError(`isocache: value of key ${quote(key)} has size ${weight}, over maxBytes ${this.#maxBytes}`);
    }
    return weight;
  }

  #store(key: string, value: V, weight: number, ttl: number, staleFor: number): void {
    if (!this.#table.set(key, value, weight, ttl, staleFor)) {
      throw new RangeError(`isocache: there is no memory for key ${quote(key)}`);
    }
  }

  #checkMaxBytes(maxBytes: number | undefined): number {
    if (maxBytes === undefined || maxBytes === Infinity) {
      return Infinity;
    }
    checkInteger("maxBytes", maxBytes, 1, Number.MAX_SAFE_INTEGER);
    if (!this.#sizeOf) {
      throw new TypeError("isocache: maxBytes needs sizeOf, which says how large an entry is");
    }
    return maxBytes;
  }

  /** Tells the listener what left. No table is being changed here: the listener may use the cache. */
  #report(): void {
    if (this.#onRemoval !== undefined) {
      this.#call(this.#onRemoval);
    }
  }

  #call(onRemoval: (removal: Removal<V>) => void): void {
    const left = this.#table.left;
    if (left.length === 0) {
      return;
    }
    this.#table.left = [];
    const errors: unknown[] = [];
    for (const removal of left) {
      try {
        onRemoval(removal);
      } catch (error) {
        errors.push(error);
      }
    }
    if (errors.length > 0) {
      throw errors[0];
    }
  }
}
brand(MemoryCache, "MemoryCache");
