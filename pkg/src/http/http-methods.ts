/// <reference lib="esnext.disposable" preserve="true" />

/** The methods of an `HttpCache` that are built from its others. */

import type { MaybePromise } from "../promise.js";
import type { Checked, Entry, SetArgument, Ttl } from "../types.js";
import { inSeconds, isFreshEntry } from "./entries.js";
import type { HttpSetOptions, RequestOptions } from "./types.js";

/** The base class of `HttpCache`. */
export abstract class HttpMethods<V> {
  abstract has(key: string, options?: RequestOptions): Promise<boolean>;
  abstract getEntry<T extends V = V>(key: string, options?: RequestOptions): Promise<Entry<T> | undefined>;
  abstract deleteManyEach(keys: readonly string[], options?: RequestOptions): Promise<boolean[]>;
  abstract clearPattern(pattern: string, options?: RequestOptions): Promise<number>;
  abstract close(): Promise<void>;
  /** @internal */
  abstract setIfDead(
    key: string,
    value: V,
    options: HttpSetOptions | SetArgument,
    isDead?: (entry: Entry<V>) => MaybePromise<boolean>,
  ): Promise<boolean>;
  /** @internal */
  abstract peekEntries(keys: readonly string[]): Promise<(Entry<V> | undefined)[]>;
  /** @internal */
  abstract touchEntry(key: string, ttl?: Ttl | null, options?: RequestOptions): Promise<Entry<V> | undefined>;
  /** @internal */
  abstract takeEntry(key: string, options?: RequestOptions): Promise<Entry<V> | undefined>;

  /**
   * The value under `key`, and for how many **seconds** it is still fresh (`null` if it does not expire); `undefined`
   * if there is none. The value is read first: if another client replaces the entry at that moment, the time may be
   * that of the new one.
   */
  async getWithTtl<T extends V = V>(
    key: string,
    options?: RequestOptions,
  ): Promise<{ value: T; ttl: number | null } | undefined> {
    const entry = await this.getEntry<T>(key, options);
    return isFreshEntry(entry) ? { value: entry.value, ttl: inSeconds(entry.freshFor) } : undefined;
  }

  /**
   * Stores `value` as `set` does, but only if there is no entry under `key`, in one step. Returns whether it was
   * stored.
   */
  async setIfAbsent<const O extends HttpSetOptions | SetArgument>(
    key: string,
    value: V,
    options?: O & Checked<O>,
  ): Promise<boolean> {
    return this.setIfDead(key, value, options);
  }

  /**
   * The value under `key`, or `undefined`. Restarts its ttl with `ttl`, by default the cache's. In one step; for an
   * entry with `staleFor` in two, and the second changes nothing if another client has written the entry in the
   * meantime.
   */
  async getAndTouch<T extends V = V>(key: string, ttl?: Ttl | null, options?: RequestOptions): Promise<T | undefined> {
    return (await this.touchEntry(key, ttl, options))?.value as T | undefined;
  }

  /** Removes the entry under `key`, and returns its value or `undefined`, in one step. */
  async getAndDelete<T extends V = V>(key: string, options?: RequestOptions): Promise<T | undefined> {
    return (await this.takeEntry(key, options))?.value as T | undefined;
  }

  /** Removes the entry under `key`. Returns whether there was one. */
  async delete(key: string, options?: RequestOptions): Promise<boolean> {
    const [deleted] = await this.deleteManyEach([key], options);
    return deleted === true;
  }

  /** The same as `has`, under the name used by the Rust crate. */
  async exists(key: string, options?: RequestOptions): Promise<boolean> {
    return this.has(key, options);
  }

  /** @internal As `getMany`, without counting lookups. */
  async readMany(keys: readonly string[]): Promise<(V | undefined)[]> {
    return (await this.peekEntries(keys)).map((entry) => entry?.value);
  }

  /** Removes every entry of this cache or namespace. **Without a namespace that is the whole store.** */
  async clear(options?: RequestOptions): Promise<void> {
    await this.clearPattern("*", options);
  }

  /** The same as `close`, for `await using`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}
