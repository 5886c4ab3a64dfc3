/** The state that the methods of a `MemoryCache` work on. */

import type { Advisor } from "./advisor/advisor.js";
import { checkKey, checkObject, checkText } from "./check.js";
import { matching } from "./glob.js";
import { type Settings, settingsOf } from "./memory-options.js";
import { checkedWrite, copied, outOfMemory, store, type Write } from "./memory-write.js";
import { MEMORY_ENTRY_OPTIONS, MEMORY_OPTIONS } from "./option-names.js";
import { escapeGlob, prefixOf } from "./prefix.js";
import { report } from "./removals.js";
import { Table } from "./table.js";
import type { MemoryCacheOptions, SetEntry } from "./types.js";
import { resolve } from "./write-options.js";

/**
 * The part of a table whose keys have one prefix: a cache, or one of its namespaces. Keys are passed without the
 * prefix.
 */
export class MemoryScope<V> {
  /** Whether keys and values are stored unchanged, and have no sizes. */
  readonly isPlain: boolean;

  constructor(
    readonly table: Table<V>,
    readonly settings: Settings<V>,
    readonly prefix: string,
    public advisor?: Advisor,
  ) {
    this.isPlain = prefix === "" && settings.sizeOf === undefined && !settings.clone;
  }

  /** Creates the scope of a cache. */
  static of<V>(options: MemoryCacheOptions<V>): MemoryScope<V> {
    const settings = settingsOf(options);
    return new MemoryScope(new Table<V>(settings), settings, "");
  }

  /** Creates the scope of a namespace. */
  within<N>(prefix: string): MemoryScope<N> {
    const { table, settings, advisor } = this as unknown as MemoryScope<N>;
    return new MemoryScope<N>(table, settings, this.prefix + prefixOf(prefix), advisor);
  }

  /** The key with its prefix. */
  key(key: string): string {
    return this.prefix === "" ? key : this.#prefixed(key);
  }

  #prefixed(key: string): string {
    checkText(key);
    const whole = this.prefix + key;
    checkKey(whole);
    return whole;
  }

  /** The slot of the entry under `key`, without counting a lookup. Removed entries must still be reported. */
  find(key: string): number | undefined {
    const slot = this.table.find(this.key(key));
    if (slot === undefined) {
      checkKey(key);
      this.table.checkUsable();
    }
    return slot;
  }

  /** The value of the fresh entry under `key`, counted. Removed entries must still be reported. */
  lookup(key: string): V | undefined {
    const whole = this.key(key);
    const slot = this.table.find(whole);
    if (slot === undefined) {
      this.miss(key);
      return undefined;
    }
    const value = this.table.hit(slot);
    this.advisor?.hit(whole, slot);
    return copied(this.settings, value);
  }

  /** The value of the fresh entry under `key`. Counts as a use, but not as a lookup. */
  read(key: string): V | undefined {
    const slot = this.find(key);
    if (slot === undefined) {
      return undefined;
    }
    this.table.touch(slot);
    return this.valueAt(slot);
  }

  miss(key: string): void {
    checkKey(key);
    this.table.miss();
    this.advisor?.miss(this.key(key));
  }

  valueAt(slot: number): V {
    return copied(this.settings, this.table.contents.value(slot));
  }

  setTtl(key: string, slot: number, ttl: number): void {
    if (!this.table.setTtl(slot, ttl)) {
      throw outOfMemory(key);
    }
  }

  /** Keys and slots from the most to the least recently used, as they are at the first step. */
  *walk(pattern?: string): Iterable<[key: string, slot: number]> {
    const { prefix, table } = this;
    table.sweep();
    this.report();
    const order = table.order();
    const whole = pattern === undefined && prefix === "" ? undefined : escapeGlob(prefix) + (pattern ?? "*");
    for (const [key, slot] of whole === undefined ? order : matching(whole, order)) {
      const isLive = table.find(key) === slot;
      this.report();
      if (isLive) {
        yield [key.slice(prefix.length), slot];
      }
    }
  }

  /** Checks a write with the caller's options. */
  checked(key: string, value: V, options: unknown): Write<V> {
    const { settings } = this;
    return checkedWrite(settings, this.key(key), key, value, resolve(options, MEMORY_OPTIONS, settings.ttl));
  }

  /** Checks one of the writes of `setMany`. */
  checkedEntry(entry: SetEntry<V>): Write<V> {
    checkObject("entry", entry);
    const options = resolve(entry, MEMORY_ENTRY_OPTIONS, this.settings.ttl);
    checkText(entry.key);
    return this.checked(entry.key, entry.value, options);
  }

  store(write: Write<V>): void {
    this.end(store(this.table, this.settings, write));
  }

  /** Stores all entries. If one is refused for its size, stores none and removes older values under the keys. */
  storeAll(writes: readonly Write<V>[]): void {
    const { table, settings } = this;
    const refused =
      settings.onOversize === "throw" ? writes.find(({ weight }) => typeof weight !== "number") : undefined;
    let error: unknown;
    for (const write of writes) {
      if (refused === undefined) {
        error ??= store(table, settings, write);
      } else {
        table.delete(write.key);
      }
    }
    this.end(refused?.weight ?? error);
  }

  /** Stores an entry if there is one under its key, or if there is none. Returns whether it was stored. */
  storeIf(isThere: boolean, key: string, value: V, options: unknown): boolean {
    const write = this.checked(key, value, options);
    const stores = (this.find(key) !== undefined) === isThere;
    this.end(stores ? store(this.table, this.settings, write) : undefined);
    return stores && typeof write.weight === "number";
  }

  /** Reports removed entries. No table is being changed here, so the listener may use the cache. */
  report(): void {
    if (this.settings.onRemoval !== undefined) {
      report(this.table.contents, this.settings.onRemoval);
    }
  }

  /** Ends an operation with its result. */
  done<R>(result: R): R {
    this.report();
    return result;
  }

  /** Ends an operation, with its error if there is one. */
  end(error: unknown): void {
    this.report();
    if (error !== undefined) {
      throw error;
    }
  }
}
