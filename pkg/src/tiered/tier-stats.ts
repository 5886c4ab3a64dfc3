/** The counts of a `TieredCache`. */

import type { LinkState } from "./link.js";

/** The counts of a `TieredCache`. Times are in **milliseconds**. */
export interface TierStats {
  /** Lookups that a copy in memory answered. */
  nearHits: number;
  /** Lookups that `far` answered with a fresh entry. */
  farHits: number;
  /** Lookups that found none. */
  misses: number;
  /** Announced changes of keys. */
  invalidations: number;
  /** How often all copies were dropped, because changes were missed or the store was emptied. */
  resets: number;
  /** The total time during which copies were not served, because the connection was silent or lost. */
  suspectMs: number;
  /** The time from the end of a write of this cache to its announcement, last measured; `undefined` if it never was. */
  lagMs: number | undefined;
  /** Queued writes, which will be sent again. */
  queuedWrites: number;
  /** Queued writes that were given up. */
  unsentWrites: number;
  /** Whether copies are served now: `"connected"`, or why they are not. */
  link: LinkState;
}
