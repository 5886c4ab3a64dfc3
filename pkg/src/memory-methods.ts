/// <reference lib="esnext.disposable" preserve="true" />

/** The methods of a `MemoryCache` that are built from its others. */

import { checkFunction, checkKeys } from "./check.js";
import type { SetEntry } from "./types.js";

/** The base class of `MemoryCache`. */
export abstract class MemoryMethods<V> {
  abstract get<T extends V = V>(key: string): T | undefined;
  abstract has(key: string): boolean;
  abstract delete(key: string): boolean;
  abstract deleteManyEach(keys: readonly string[]): boolean[];
  abstract setMany(entries: readonly SetEntry<V>[]): void;
  abstract close(): void;
  abstract entries(): IterableIterator<[key: string, value: V]>;

  /** The same as `has`, under the name used by the Rust crate. */
  exists(key: string): boolean {
    return this.has(key);
  }

  /** Removes the entry under `key`, and returns its value or `undefined`. Counts as `get`. */
  getAndDelete<T extends V = V>(key: string): T | undefined {
    const value = this.get<T>(key);
    if (value !== undefined) {
      this.delete(key);
    }
    return value;
  }

  /** Whether there is an entry under each of `keys`, in the same order. */
  hasMany(keys: readonly string[]): boolean[] {
    checkKeys(keys);
    return keys.map((key) => this.has(key));
  }

  /** Removes the entries under `keys`. Returns how many existed. */
  deleteMany(keys: readonly string[]): number {
    return this.deleteManyEach(keys).filter(Boolean).length;
  }

  /** The values, from the most to the least recently used; copies with `clone`. Neither counted nor a use. */
  *values(): IterableIterator<V> {
    for (const [, value] of this.entries()) {
      yield value;
    }
  }

  /** The same as `entries`. */
  [Symbol.iterator](): IterableIterator<[key: string, value: V]> {
    return this.entries();
  }

  /** Calls `act` for each entry, in the order of `entries`. */
  forEach(act: (value: V, key: string, cache: this) => void): void {
    checkFunction("act", act);
    for (const [key, value] of this.entries()) {
      act(value, key, this);
    }
  }

  /** The first value, in the order of `entries`, for which `test` returns true; or `undefined`. Neither counted nor a use. */
  find<T extends V = V>(test: (value: V, key: string) => boolean): T | undefined {
    checkFunction("test", test);
    for (const [key, value] of this.entries()) {
      if (test(value, key)) {
        return value as T;
      }
    }
    return undefined;
  }

  /** Stores the entries of a `dump`, in its order, each with its ttl at the time of the dump. @throws as `setMany`. */
  load(dump: readonly SetEntry<V>[]): void {
    this.setMany(dump);
  }

  /** The same as `close`. */
  [Symbol.dispose](): void {
    this.close();
  }
}
