/** How a value is loaded and kept. */

import type { AbortSignalLike, PlatformSignal } from "../http/types.js";
import type { MaybePromise } from "../promise.js";
import type { Ttl } from "../types.js";
import type { Loaded } from "./loaded.js";

/** A provider that grants leases, for the option `lease`. */
export interface LeaseProvider {
  /**
   * Acquires the lease of `key` on behalf of `holder` for `ttl` **milliseconds**, unless another holder has it. With
   * `null`, releases it if `holder` has it. Returns whether it did so.
   */
  lease(key: string, holder: string, ttl: number | null): MaybePromise<boolean>;
}

/** The argument of a loader. */
export interface LoadContext<V = unknown> {
  /** The key with all namespaces. */
  readonly key: string;
  /** Aborted when the loader reaches its time limit, or when no caller waits for it any more. */
  readonly signal: PlatformSignal;
  /** Whether the callers already have an old value. */
  readonly background: boolean;
  /**
   * The old value that this load replaces, if there is one: a stale value of a call with windows, or a value that is refreshed
   * early. A loader may ask its source whether the value has changed, and return it again if not.
   */
  readonly stale: V | undefined;
}

/**
 * Produces a value that is not in the cache. `undefined` is not stored; `null` is a value. Return `loaded(value, options)` to
 * set the ttl of the value, or not to store it.
 */
export type Loader<T, V = unknown> = (context: LoadContext<V>) => MaybePromise<T | Loaded<T>>;

/** How a value is loaded and kept. */
export interface LoadOptions<V> {
  /**
   * How long a loaded value is fresh, in **seconds** or with a unit, or a function of the value; `null` means no
   * expiry. Default: the ttl of the cache.
   */
  ttl?: Ttl | null | ((value: V) => Ttl | null) | undefined;
  /**
   * How long after its ttl a value is still returned at once, while a new one is loaded in the background. The window is stored
   * with the entry: a later call may accept less, but not more. Needs a ttl.
   */
  staleWhileRevalidate?: Ttl | undefined;
  /** How long after its ttl a value is still returned if the load fails. Otherwise as `staleWhileRevalidate`. */
  staleIfError?: Ttl | undefined;
  /**
   * The approximate duration of a load. Shortly before a value stops being fresh, about one of its many callers loads a new one in the
   * background.
   */
  earlyRefresh?: Ttl | undefined;
  /** Shortens each ttl by a random fraction of at most this, from 0 to 1. */
  jitter?: number | undefined;
  /**
   * The maximum time this call waits for a load; `null` means no limit. After that it rejects with a
   * `LoadTimeoutError`, or returns the old value if `staleIfError` allows it. A load that exceeds the limit of the call
   * that started it is not stored, unless it is `detached`. Default: `"30s"`.
   */
  timeout?: Ttl | null | undefined;
  /**
   * Whether the load continues, and its value is stored, after all callers have given up or reached their limits. Its
   * limit is then `timeout`, or 30 seconds if that is longer. Default: false; the loader's signal is aborted.
   */
  detached?: boolean | undefined;
  /**
   * Lets only one of the processes that share a store load the value. That process acquires a lease of the key for this
   * long, and releases it when the value is stored. Other processes look every 50 to 250 milliseconds until there is a
   * value or the lease is free; after twice its length they load without it. If there is a stale value, they return
   * that. Choose a lease that is longer than a load takes. It has no effect in memory. Over HTTP it is the key
   * `<key>:isocache-lease`, which only its holder releases: with the command of the bridge, with `EVAL`, or, if that is
   * refused, by letting it expire. A pattern that clears entries also clears their leases. Default: none.
   */
  lease?: Ttl | undefined;
  /** Load even if a value is cached, and store the result. */
  forceFresh?: boolean | undefined;
  /** Returns whether to store a loaded value. Default: every value except `undefined`. */
  shouldCache?: ((value: V) => boolean) | undefined;
  /** The tags of the value, for `invalidateTags`; at most 64. Needs a provider with tags: `Tagged`. */
  tags?: readonly string[] | undefined;
  /** Ends the wait of this caller only. When no caller waits any more, the loader's signal is aborted. */
  signal?: AbortSignalLike | undefined;
  /**
   * Receives the promise of work that continues after the call has returned (storing, background loads): `ctx.waitUntil` of an
   * edge worker.
   */
  waitUntil?: ((work: Promise<unknown>) => void) | undefined;
  /**
   * What to do when the provider fails, as opposed to the loader. With `"bypass"`, the default, the loader answers, and the
   * failure is counted and reported. With `"propagate"`, the call fails. Mistakes of the caller, such as a value that cannot be
   * stored, are errors in either case.
   */
  onError?: "bypass" | "propagate" | undefined;
}
