/** The state that the methods of a `Cache` work on. */

import type { CacheOptions } from "./cache-options.js";
import { checkKey, checkList, checkOptions, checkText, checkValue } from "./check.js";
import { Events } from "./load/events.js";
import { type SingleFlight, singleFlightOf, type Touched } from "./load/single-flight.js";
import { MemoryCache } from "./memory-cache.js";
import { SET_OPTIONS } from "./option-names.js";
import { escapeGlob, prefixOf } from "./prefix.js";
import type { MaybePromise } from "./promise.js";
import { checkProvider, checkTagged, methodOf, type Provider } from "./provider.js";
import { milliseconds } from "./ttl.js";
import type { Ttl } from "./types.js";
import { optionsFor, resolve, resolveTtl, ttlFor, type WriteOptions, writeOptions } from "./write-options.js";

/** State that a cache shares with its namespaces. */
interface Shared {
  isClosed: boolean;
  /** Created with the first listener. */
  events?: Events;
}

/**
 * A provider as a cache or one of its namespaces uses it, with a prefix of keys and a default ttl. Keys are passed
 * without the prefix.
 */
export class CacheScope<V> {
  readonly flights: SingleFlight;

  constructor(
    readonly provider: Provider<V>,
    /** In milliseconds; `undefined`: the provider's. */
    readonly ttl: number | undefined,
    readonly prefix = "",
    readonly shared: Shared = { isClosed: false },
  ) {
    this.flights = singleFlightOf(provider);
  }

  /** Creates the scope of a cache. */
  static of<V>(options: CacheOptions<V>): CacheScope<V> {
    checkOptions(options);
    let scope: CacheScope<V>;
    if (options.provider === undefined) {
      const { namespace: _, provider: __, ...memory } = options;
      scope = new CacheScope(new MemoryCache<V>(memory) as Provider<V>, milliseconds(memory.ttl ?? null));
    } else {
      checkOptions(options, ["provider", "namespace", "ttl"]);
      checkProvider(options.provider);
      scope = new CacheScope(options.provider, resolveTtl(options.ttl, undefined));
    }
    return options.namespace === undefined ? scope : scope.within(options.namespace);
  }

  /** Creates the scope of a namespace. */
  within<N>(prefix: string): CacheScope<N> {
    const provider = this.provider as unknown as Provider<N>;
    return new CacheScope(provider, this.ttl, prefixOf(this.prefix + prefixOf(prefix)), this.shared);
  }

  get events(): Events {
    this.shared.events ??= new Events();
    return this.shared.events;
  }

  checkOpen(): void {
    if (this.shared.isClosed) {
      throw new Error("isocache: this Cache is closed; make a new one");
    }
  }

  /** The key with its prefix, checked. */
  key(key: string): string {
    this.checkOpen();
    checkText(key);
    if (this.prefix === "") {
      return key;
    }
    const whole = this.prefix + key;
    checkKey(whole);
    return whole;
  }

  keys(keys: readonly string[]): string[] {
    checkList("keys", keys);
    return keys.map((key) => this.key(key));
  }

  /** The pattern with its prefix. */
  pattern(pattern: string): string {
    this.checkOpen();
    return escapeGlob(this.prefix) + pattern;
  }

  /** A method of the provider. @throws TypeError if it has none of this name. */
  method<N extends keyof Provider<V>>(name: N, option?: string): NonNullable<Provider<V>[N]> {
    return methodOf(this.provider, name, option);
  }

  /** A ttl in the form that the provider takes. */
  ttlFor(ttl: Ttl | null | undefined): Ttl | null | undefined {
    return ttlFor(this.provider, resolveTtl(ttl, this.ttl));
  }

  /** A checked write, with the whole key. */
  entry(key: string, value: V, options: unknown, names = SET_OPTIONS): WriteOptions {
    checkValue(key, value);
    const whole = this.key(key);
    const resolved = resolve(options, names, this.ttl, whole, value);
    const { ttl, staleFor, tags } = resolved;
    // Options that a limiter or a session store has resolved have no key.
    const entry = resolved.key === whole ? resolved : writeOptions(ttl, staleFor, tags, whole, value);
    if (entry.staleFor > 0) {
      this.method("getEntry", "staleFor");
    }
    if (entry.tags !== undefined) {
      checkTagged(this.provider);
      checkList("tags", entry.tags);
    }
    return entry;
  }

  /** A write, which wins over loads in progress. */
  async write<R>(touched: Touched, act: () => MaybePromise<R>): Promise<R> {
    if (this.flights.busy) {
      return this.flights.write(touched, act);
    }
    const written = await act();
    // Loads that began in the meantime.
    return this.flights.busy ? this.flights.write(touched, () => written) : written;
  }

  async writeIf(how: "setIfAbsent" | "replace", key: string, value: V, options: unknown): Promise<boolean> {
    const { provider } = this;
    const entry = this.entry(key, value, options);
    const store = this.method(how);
    if (entry.ttl !== 0) {
      return this.write([entry.key], () => store(entry.key, value, optionsFor(provider, entry)));
    }
    return how === "replace"
      ? this.write([entry.key], () => provider.delete(entry.key))
      : !(await provider.has(entry.key));
  }
}
