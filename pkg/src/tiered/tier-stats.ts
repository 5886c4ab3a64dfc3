/** The counts of a `TieredCache`. */

import type { LinkState } from "./link.js";

/** The counts of a `TieredCache`. Times are in **milliseconds**. */
export interface TierStats {
  /** Lookups that a copy in memory answered. */
  nearHits: number;
  /** Lookups that `far` answered with a fresh entry. */
  farHits: number;
  /** Lookups that found no fresh entry. */
  misses: number;
  /** Announced changes of keys. */
  invalidations: number;
  /** The number of times all copies were dropped, because changes were missed or the store was emptied. */
  resets: number;
  /** The total time during which copies were not served, because the connection was silent or lost. */
  suspectMs: number;
  /** The last measured time from the end of a write of this cache to its announcement; `undefined` before the first. */
  lagMs: number | undefined;
  /** Queued writes, which will be sent again. */
  queuedWrites: number;
  /** Queued writes that were given up. */
  unsentWrites: number;
  /** Whether copies are served now: `"connected"`, or why they are not. */
  link: LinkState;
}
