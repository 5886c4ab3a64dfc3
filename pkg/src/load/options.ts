/** How a value is loaded and kept. */

import type { AbortSignalLike, PlatformSignal } from "../http/types.js";
import type { MaybePromise } from "../promise.js";
import type { Ttl } from "../types.js";
import type { Loaded } from "./loaded.js";

/** A provider that lends leases, for the option `lease`. */
export interface LeaseProvider {
  /**
   * Takes the lease of `key` in the name of `holder` for `ttl` **milliseconds**, unless another holder has it. With `null`,
   * gives it back if `holder` has it. True if that was done.
   */
  lease(key: string, holder: string, ttl: number | null): MaybePromise<boolean>;
}

/** What a loader is given. */
export interface LoadContext<V = unknown> {
  /** The key with all namespaces. */
  readonly key: string;
  /** Aborted when the loader has reached its limit, or when nobody waits any more. */
  readonly signal: PlatformSignal;
  /** Whether callers have been answered with an old value already. */
  readonly background: boolean;
  /**
   * The old value that the load is to replace, if there is one: a stale value of a call with windows, or one that is
   * refreshed early. A loader may ask its source whether it has changed, and return it again.
   */
  readonly stale: V | undefined;
}

/**
 * Produces a value that is not in the cache. `undefined` is not stored; `null` is a value. What `loaded` returns has a ttl of
 * its own, or is not stored.
 */
export type Loader<T, V = unknown> = (context: LoadContext<V>) => MaybePromise<T | Loaded<T>>;

/** How a value is loaded and kept. */
export interface LoadOptions<V> {
  /**
   * How long a loaded value is fresh, in **seconds** or with a unit; `null`: it does not expire; or a function of the value.
   * Default: the cache's.
   */
  ttl?: Ttl | null | ((value: V) => Ttl | null) | undefined;
  /**
   * How long after its ttl a value is still answered, at once, while one load in the background brings the new one. The
   * entry is kept for it when it is written; a later call may tolerate less, not more. Needs a ttl.
   */
  staleWhileRevalidate?: Ttl | undefined;
  /** How long after its ttl a value is still answered if the load fails. As `staleWhileRevalidate` otherwise. */
  staleIfError?: Ttl | undefined;
  /**
   * About how long a load takes: a value that soon stops being fresh is loaded in the background before it does, by about
   * one caller of many.
   */
  earlyRefresh?: Ttl | undefined;
  /** Shortens each ttl by a random share of up to this, from 0 to 1. */
  jitter?: number | undefined;
  /**
   * The longest that this call waits for a load; `null`: no limit. Then it ends with a `LoadTimeoutError`, or with the old
   * value under `staleIfError`. A load that has reached the limit of the call that began it is not stored, unless it is
   * `detached`. Default: `"30s"`.
   */
  timeout?: Ttl | null | undefined;
  /**
   * Let the load go on when all callers have given up or reached their limits, and store its value: for at most `timeout`,
   * and at least 30 seconds. Default: false, then the loader's signal is aborted.
   */
  detached?: boolean | undefined;
  /**
   * One loader among all processes that share a store: the process that loads takes a lease of the key for so long, and gives
   * it back when the value is stored. Others look every 50 to 250 milliseconds until there is a value or the lease is free;
   * after twice its ttl they load without it. Where there is a stale value, they answer that. Choose it longer than a load
   * takes. It has no effect in memory. Over HTTP it is the key `<key>:isocache-lease`, which only its holder releases: by the
   * command of our bridge, by `EVAL`, or, where that is refused, by its ttl; a pattern that clears entries clears their
   * leases too. Default: none.
   */
  lease?: Ttl | undefined;
  /** Load whatever is cached, and store the result. */
  forceFresh?: boolean | undefined;
  /** Whether a loaded value is stored. Default: every value but `undefined`. */
  shouldCache?: ((value: V) => boolean) | undefined;
  /** The tags of the value, for `invalidateTags`; at most 64. Needs a provider that has tags: `Tagged`. */
  tags?: readonly string[] | undefined;
  /** Ends the wait of this caller, not that of others. When nobody waits any more, the loader's signal is aborted. */
  signal?: AbortSignalLike | undefined;
  /** Is given the work that goes on after the answer (storing, background loads): `ctx.waitUntil` of an edge worker. */
  waitUntil?: ((work: Promise<unknown>) => void) | undefined;
  /**
   * What to do when the provider fails, as opposed to the loader. Default: `"bypass"`: the loader answers, and the failure is
   * counted and reported. Mistakes of the caller, such as a value that cannot be stored, are never passed over.
   */
  onError?: "bypass" | "propagate" | undefined;
}
