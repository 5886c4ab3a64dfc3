/** How a value is loaded and kept. */

import type { AbortSignalLike, PlatformSignal } from "../http/types.js";
import type { MaybePromise } from "../promise.js";
import type { Ttl } from "../types.js";

/**
 * What a provider has as its method `lease`: takes the lease of a key for a life in milliseconds, in the name of a holder; or,
 * with `null`, gives it back if this holder has it. True if it did.
 */
export type Lease = (key: string, holder: string, life: number | null) => MaybePromise<boolean>;

/** What a loader is told. */
export interface LoadContext {
  /** The key, with all namespaces in front. */
  readonly key: string;
  /** Aborted when the loader takes too long, or nobody waits any more. */
  readonly signal: PlatformSignal;
  /** Whether callers have been answered with an old value already. */
  readonly background: boolean;
}

/** Makes a value that is not in the cache. What it returns as `undefined` is not stored; `null` is a value. */
export type Loader<V> = (context: LoadContext) => V | Promise<V>;

/** How a value is loaded and kept. */
export interface LoadOptions<V> {
  /**
   * How long a loaded value is fresh: in **seconds** or with a unit, `null` for ever, or a function of the value. Default:
   * the cache's.
   */
  ttl?: Ttl | null | ((value: V) => Ttl | null) | undefined;
  /** For how long a value that is no longer fresh is still answered, at once, while a load brings the new one. */
  staleWhileRevalidate?: Ttl | undefined;
  /** For how long a value that is no longer fresh is still answered if the load fails. */
  staleIfError?: Ttl | undefined;
  /** About how long a load takes: values whose freshness ends soon are loaded anew before, by about one caller of many. */
  early?: Ttl | undefined;
  /** Shortens each ttl by a random share of up to this, from 0 to 1. */
  jitter?: number | undefined;
  /** The longest that the loader may take; `null`: no limit. Default: `"30s"`. Its result is dropped if it comes later. */
  timeout?: Ttl | null | undefined;
  /**
   * One loader among all processes that share a store: who loads takes a lease of the key for so long, and gives it back when
   * the value is stored. Others look every 50 to 250 milliseconds, until there is a value, or the lease is free; after twice
   * its life they load without it. Where there is a stale value they answer that. Choose it longer than a load takes. In
   * memory it is of no effect. Over HTTP it is the key `<key>:isocache-lease`, which only its holder releases: by the command
   * of our bridge, or by `EVAL`, or, where that is refused, when it ends; a pattern that clears entries clears their leases,
   * too. Default: none.
   */
  lease?: Ttl | undefined;
  /** Load in any case, whatever is cached, and store what comes. */
  forceFresh?: boolean | undefined;
  /** Whether a loaded value is to be stored. Default: all but `undefined`. */
  shouldCache?: ((value: V) => boolean) | undefined;
  /** What the value is invalidated by, with `invalidateTags`; at most 64. Needs a provider that has tags: `Tagged`. */
  tags?: readonly string[] | undefined;
  /** Ends the wait of this caller, not that of others. When nobody waits any more, the loader's signal is aborted. */
  signal?: AbortSignalLike | undefined;
  /** Given what goes on behind the answer (storing, and loading behind), as edge workers need it: `ctx.waitUntil`. */
  waitUntil?: ((work: Promise<unknown>) => void) | undefined;
  /** What happens when the provider fails, not the loader. Default: `"bypass"`, the loader answers and the error is counted. */
  onError?: "bypass" | "propagate" | undefined;
}
