/** `HttpCache`, the public class. */

import { checkInteger, checkList, checkObject, checkPattern, checkText } from "../check.js";
import { type BoundedIncrement, checkedBounds, type IncrementWithinOptions } from "../counters.js";
import { Origin } from "../invalidations/origin.js";
import { HTTP_ENTRY_OPTIONS, HTTP_OPTIONS } from "../option-names.js";
import { escapeGlob, literalOf, prefixOf } from "../prefix.js";
import type { MaybePromise } from "../promise.js";
import type { Provider } from "../provider.js";
import { milliseconds } from "../ttl.js";
import type { CacheStats, Checked, Entry, SetArgument, SetEntry, Ttl } from "../types.js";
import { resolve, resolveTtl, takeResolved } from "../write-options.js";
import type { BreakerState } from "./breaker.js";
import { clear } from "./clear-pattern.js";
import { Client } from "./client.js";
import { freshEntry, freshKeys, inSeconds, isFreshEntry, readEntry, takeEntry } from "./entries.js";
import { exactEntries } from "./entry-count.js";
import { HttpMethods } from "./http-methods.js";
import { increment } from "./increment.js";
import { incrementWithin } from "./increment-within.js";
import { type Command, checked, count, type Reply } from "./reply.js";
import { setIfDead } from "./set-if-dead.js";
import { settingsOf } from "./settings.js";
import { Store, signalOf } from "./store.js";
import { touch } from "./touch.js";
import type { HttpCacheOptions, HttpSetOptions, RequestOptions } from "./types.js";

/**
 * A cache behind HTTP: the bridge (`isocache serve`), or any server of the Upstash Redis REST protocol. Use it alone or
 * as the provider of a `Cache`. It runs wherever there is `fetch`, and does nothing before the first operation.
 *
 * ```js
 * import { HttpCache } from "isocache";
 *
 * const cache = new HttpCache({ url: "http://127.0.0.1:8079", token: process.env.ISOCACHE_TOKEN, ttl: "5m" });
 * await cache.set("user:1", { name: "Ada" });
 * await cache.get("user:1"); // { name: "Ada" }
 * await cache.clearPattern("user:*"); // 1
 * ```
 *
 * **Time.** Every operation ends within `timeout`, with a result or an error. Operations that walk the store (`keys`,
 * and `clearPattern` with a server other than the bridge) apply it to each step. After several failures in a row a
 * circuit breaker rejects operations at once for a while, with a `CacheError` of code `unavailable`.
 *
 * **Requests.** Operations issued in the same tick are sent as one request, and executed in the order in which they
 * were issued; if there are too many for one request, as several, one after another. Operations of different ticks are
 * ordered only if one was awaited before the other was issued.
 *
 * **Retries.** A failed operation is sent again if that is safe. A `set` or `delete` may then have been executed twice,
 * so `delete` may return false even though it removed the entry. `increment`, `setIfAbsent` and `getAndDelete` are not
 * sent again once they may have arrived. Browsers and Deno, however, resend a request themselves if its reused
 * connection breaks before a response, which cannot be prevented.
 *
 * **Errors.** Operations reject with a `CacheError` if the store fails, with a `TypeError` or `RangeError` for an argument
 * outside the limits, and with the reason of your `AbortSignal`.
 *
 * **Statistics** count the operations of this object and its namespaces. `evictions` and `expirations` are unknown here, and 0.
 */
export class HttpCache<V = unknown> extends HttpMethods<V> implements Provider<V> {
  /** Whether tags are kept beside the values. */
  readonly keepsTags = true;
  readonly #store: Store;
  readonly #prefix: string;

  /** @throws TypeError or RangeError for an option of the wrong type or out of range, naming it. */
  constructor(options: HttpCacheOptions);
  /** @internal */
  constructor(options: HttpCacheOptions | undefined, store: Store, prefix: string);
  constructor(options: HttpCacheOptions | undefined, store?: Store, prefix = "") {
    super();
    takeResolved(HttpCache);
    if (store !== undefined) {
      this.#store = store;
      this.#prefix = prefix;
      return;
    }
    const { namespace, ttl = null } = { ...options };
    const client = new Client(settingsOf(options as HttpCacheOptions));
    this.#store = new Store(client, milliseconds(ttl));
    this.#prefix = namespace === undefined ? "" : prefixOf(namespace);
  }

  /** The value under `key`, or `undefined`. `null` is a value. */
  async get<T extends V = V>(key: string, options?: RequestOptions): Promise<T | undefined> {
    const [reply] = await this.#store.ask([["GET", this.#key(key)]], options);
    return this.#store.value(key, reply) as T | undefined;
  }

  /** The entry under `key`, fresh or stale; `undefined` if there is none. */
  async getEntry<T extends V = V>(key: string, options?: RequestOptions): Promise<Entry<T> | undefined> {
    const entry = await readEntry<V>(this.#store, key, this.#key(key), options);
    this.#store.count(isFreshEntry(entry));
    return entry as Entry<T> | undefined;
  }

  /** @internal The fresh entries under `keys`, in the same order. Their remaining time is unknown. */
  async getEntries(keys: readonly string[]): Promise<(Entry<V> | undefined)[]> {
    const entries = await this.peekEntries(keys);
    for (const entry of entries) {
      this.#store.count(entry !== undefined);
    }
    return entries;
  }

  /** @internal As `getEntries`, without counting lookups. */
  async peekEntries(keys: readonly string[]): Promise<(Entry<V> | undefined)[]> {
    const found = await this.#store.readMany(this.#keys(keys));
    return found.map((reply, at) => freshEntry(this.#store.opened(keys[at] as string, reply)));
  }

  /**
   * Stores `value` under `key`, and replaces an older value.
   *
   * @param options - the ttl, in **seconds** or with a unit, like `"5m"`; or an object with it and a signal.
   */
  async set<const O extends HttpSetOptions | SetArgument>(
    key: string,
    value: V,
    options?: O & Checked<O>,
  ): Promise<void> {
    const [reply] = await this.#store.ask([this.#write(key, value, options)], signalOf(options));
    checked(reply, key);
    this.#store.counts.sets++;
  }

  /** @internal As `setIfAbsent`. An entry for which `isDead` returns true counts as absent, like a stale one. */
  async setIfDead(
    key: string,
    value: V,
    options: HttpSetOptions | SetArgument,
    isDead?: (entry: Entry<V>) => MaybePromise<boolean>,
  ): Promise<boolean> {
    const command = this.#write(key, value, options);
    const request = signalOf(options);
    if (command[0] !== "SET") {
      return !(await this.has(key, request));
    }
    const isStored = await setIfDead(this.#store, key, command, request, isDead);
    this.#store.counts.sets += Number(isStored);
    return isStored;
  }

  /** The remaining ttl of the entry under `key` in **seconds**; `null` if it does not expire, `undefined` if there is none. */
  async ttl(key: string, options?: RequestOptions): Promise<number | null | undefined> {
    const entry = await readEntry<V>(this.#store, key, this.#key(key), options);
    return isFreshEntry(entry) ? inSeconds(entry.freshFor) : undefined;
  }

  /**
   * Restarts the ttl of the entry under `key` with `ttl`, by default the cache's. Returns whether there is an entry.
   */
  async touch(key: string, ttl?: Ttl | null, options?: RequestOptions): Promise<boolean> {
    return (await touch(this.#store, key, this.#key(key), this.#ttl(ttl), options, false)) !== undefined;
  }

  /** @internal As `getAndTouch`. */
  async touchEntry(key: string, ttl?: Ttl | null, options?: RequestOptions): Promise<Entry<V> | undefined> {
    const entry = await this.#touched(key, ttl, options);
    this.#store.count(entry !== undefined);
    return entry;
  }

  /** @internal As `getAndTouch`, without counting a lookup. */
  async readAndTouch(key: string, ttl?: Ttl | null): Promise<V | undefined> {
    return (await this.#touched(key, ttl))?.value;
  }

  async #touched(key: string, ttl?: Ttl | null, options?: RequestOptions): Promise<Entry<V> | undefined> {
    return freshEntry(await touch(this.#store, key, this.#key(key), this.#ttl(ttl), options));
  }

  /** @internal As `getAndDelete`. */
  async takeEntry(key: string, options?: RequestOptions): Promise<Entry<V> | undefined> {
    const entry = await this.#taken(key, options);
    this.#store.count(entry !== undefined);
    return entry;
  }

  /** @internal As `getAndDelete`, without counting a lookup. */
  async readAndDelete(key: string): Promise<V | undefined> {
    return (await this.#taken(key))?.value;
  }

  #taken(key: string, options?: RequestOptions): Promise<Entry<V> | undefined> {
    return takeEntry(this.#store, key, this.#key(key), options);
  }

  /**
   * Stores `value` as `set` does, but only if there is an entry under `key`, in one step. Returns whether it was
   * stored.
   */
  async replace<const O extends HttpSetOptions | SetArgument>(
    key: string,
    value: V,
    options?: O & Checked<O>,
  ): Promise<boolean> {
    const command = this.#write(key, value, options);
    const request = signalOf(options);
    if (command[0] !== "SET") {
      return this.delete(key, request);
    }
    if (this.#store.hasStale && !(await this.has(key, request))) {
      return false;
    }
    const [reply] = await this.#store.ask([[...command, "XX"]], request);
    const isStored = checked(reply, key) !== null;
    this.#store.counts.sets += Number(isStored);
    return isStored;
  }

  /** Whether there is an entry under `key`. */
  async has(key: string, options?: RequestOptions): Promise<boolean> {
    const [reply] = await this.#store.ask([["GET", this.#key(key)]], options);
    return checked(reply, key) !== null && !this.#store.isStale(reply);
  }

  /** The values under `keys`, in the same order. */
  async getMany<T extends V = V>(keys: readonly string[], options?: RequestOptions): Promise<(T | undefined)[]> {
    const found = await this.#store.readMany(this.#keys(keys), options);
    return found.map((reply, at) => this.#store.value(keys[at] as string, reply) as T | undefined);
  }

  /**
   * Stores every entry; none if one of them is invalid. It is not a transaction: another client may see some of them
   * before the others.
   */
  async setMany(entries: readonly SetEntry<V>[], options?: RequestOptions): Promise<void> {
    checkList("entries", entries);
    const commands = entries.map((entry) => {
      checkObject("entry", entry);
      return this.#write(entry.key, entry.value, entry, HTTP_ENTRY_OPTIONS);
    });
    const keys = entries.map(({ key }) => key);
    await this.#store.writeMany(keys, commands, options);
  }

  /** Removes the entries under `keys`. Returns how many existed. */
  async deleteMany(keys: readonly string[], options?: RequestOptions): Promise<number> {
    const deleted = await this.#store.remove(this.#keys(keys), options);
    this.#store.counts.deletes += deleted;
    return deleted;
  }

  /** Removes the entries under `keys`. Returns for each, in order, whether it existed. */
  async deleteManyEach(keys: readonly string[], options?: RequestOptions): Promise<boolean[]> {
    const deleted = await this.#store.removeEach(this.#keys(keys), options);
    this.#store.counts.deletes += deleted.filter(Boolean).length;
    return deleted;
  }

  /** Whether there is an entry under each of `keys`, in the same order. */
  async hasMany(keys: readonly string[], options?: RequestOptions): Promise<boolean[]> {
    const all = this.#keys(keys);
    const exists = this.#store.askEach(all, (key) => ["EXISTS", key], options);
    const [replies, stale] = await Promise.all([exists, this.#store.areStale(all, options)]);
    return replies.map((reply, at) => count("EXISTS", reply, keys[at]) > 0 && !stale[at]);
  }

  /**
   * The keys of this cache or namespace, without its prefix, each once, in any order; with a Redis glob, those that
   * match. A key that is added or removed during the iteration may or may not be found.
   */
  async *keys(pattern = "*", options?: RequestOptions): AsyncGenerator<string, void, undefined> {
    checkPattern(pattern);
    const { client } = this.#store;
    client.checkOpen();
    const literal = literalOf(pattern);
    if (literal !== undefined) {
      if (await this.has(literal, options)) {
        yield literal;
      }
      return;
    }
    for await (const key of freshKeys(this.#store, escapeGlob(this.#prefix) + pattern, options)) {
      yield key.slice(this.#prefix.length);
    }
  }

  /**
   * Removes all entries whose key matches a Redis glob. Returns how many existed. Entries that another client adds in
   * the meantime may stay.
   */
  async clearPattern(pattern: string, options?: RequestOptions): Promise<number> {
    checkPattern(pattern);
    const { client, counts } = this.#store;
    client.checkOpen();
    const key = literalOf(pattern);
    if (key !== undefined) {
      return Number(await this.delete(key, options));
    }
    const removed = await clear(this.#store, escapeGlob(this.#prefix) + pattern, options);
    counts.deletes += removed;
    return removed;
  }

  /**
   * Adds `by` to the number under `key`, in one step, and returns the sum. A new number starts at 0 and gets the ttl of
   * `options`; an existing one keeps its own. It is stored in decimal, which `get` reads with the default serializer.
   *
   * @throws RangeError if the sum is beyond what a number holds exactly.
   */
  async increment(key: string, by = 1, options?: HttpSetOptions | Ttl | null): Promise<number> {
    const whole = this.#key(key);
    checkInteger("by", by, -Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER);
    const ttl = Math.max(resolve(options, HTTP_OPTIONS, this.#store.ttl).ttl, 1);
    const sum = await increment(this.#store, key, whole, by, ttl, signalOf(options));
    this.#store.counts.sets++;
    return sum;
  }

  /**
   * Raises the number under `key` to at least `floor`, adds `by`, and stores the sum unless it is above `ceiling`, in
   * one step. Returns whether it was stored, and the sum or the current count. A new number starts at 0. A stored one
   * gets the ttl of `options`. A server other than the bridge needs scripts (`EVAL`) for it.
   *
   * @throws RangeError for a number beyond what is exact.
   */
  async incrementWithin(key: string, by: number, options: IncrementWithinOptions): Promise<BoundedIncrement> {
    const whole = this.#key(key);
    const { floor, ceiling, ttl } = checkedBounds(by, options);
    const time = this.#ttl(ttl);
    const numbers = [by, floor, ceiling, time === Infinity ? 0 : time].map(String);
    const counted = await incrementWithin(this.#store.client, whole, numbers, key);
    this.#store.counts.sets += Number(counted.stored);
    return counted;
  }

  /** @internal The reply to a command, which `make` builds from the whole key and from whether the server is the bridge. */
  async command(key: string, make: (whole: string, isBridge: boolean | undefined) => Command): Promise<Reply> {
    const command = make(this.#key(key), this.#store.client.isBridge);
    return checked((await this.#store.ask([command], undefined, { once: true }))[0], key);
  }

  /**
   * The counts of this object and its namespaces, and the number of entries in the store if there is no namespace and
   * the store reports it exactly. If the store does not respond, `entries` is `undefined`.
   */
  async getStats(options?: RequestOptions): Promise<CacheStats> {
    const { client } = this.#store;
    client.checkOpen();
    return this.#store.stats(this.#prefix === "" ? await exactEntries(client, options?.signal) : undefined);
  }

  /**
   * A view of this cache whose keys all begin with `prefix` and a `:`, over the same connections and counts.
   *
   * @throws TypeError or RangeError for an invalid prefix.
   */
  namespace<N extends V = V>(prefix: string): HttpCache<N> {
    return new HttpCache<N>(undefined, this.#store, this.#prefix + prefixOf(prefix));
  }

  /** @internal The client that sends the requests, and the prefix of every key. */
  get requests(): { client: Client; prefix: string } {
    return { client: this.#store.client, prefix: this.#prefix };
  }

  /** @internal This cache, with requests that name their origin, so that its own writes can be told from others. */
  withOrigin(): HttpCache<V> {
    const { client, ttl } = this.#store;
    return new HttpCache<V>(undefined, new Store(new Client(client.settings, new Origin()), ttl), this.#prefix);
  }

  /** @internal The ttl of writes without one, in milliseconds. */
  get defaultTtl(): number {
    return this.#store.ttl;
  }

  /** The state of the circuit breaker. */
  get breakerState(): BreakerState {
    return this.#store.client.settings.breaker.state;
  }

  /**
   * Waits for operations in progress, and closes the connections, for all namespaces. Later operations are refused. A
   * second call does nothing.
   */
  async close(): Promise<void> {
    await this.#store.client.close();
  }

  #write(key: string, value: V, options: unknown, names = HTTP_OPTIONS): Command {
    return this.#store.write(key, this.#key(key), value, resolve(options, names, this.#store.ttl));
  }

  /** A ttl in milliseconds; without one, the default. */
  #ttl(ttl: Ttl | null | undefined): number {
    return resolveTtl(ttl, this.#store.ttl);
  }

  #keys(keys: readonly string[]): string[] {
    checkList("keys", keys);
    return keys.map((key) => this.#key(key));
  }

  #key(key: string): string {
    this.#store.client.checkOpen();
    checkText(key);
    return this.#prefix + key;
  }
}
