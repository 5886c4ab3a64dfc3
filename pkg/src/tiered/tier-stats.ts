/** The counts of a `TieredCache`. */

import type { LinkState } from "./link.js";

/** The counts of a `TieredCache`. Times are in **milliseconds**. */
export interface TierStats {
  /** Lookups that a copy in memory has answered. */
  nearHits: number;
  /** Lookups that `far` has answered with a fresh entry. */
  farHits: number;
  /** Lookups that found none. */
  misses: number;
  /** Announced changes of keys. */
  invalidations: number;
  /** How often all copies were dropped, because changes were missed or the store was emptied. */
  resets: number;
  /** For how long copies were not served, since the connection was silent or lost. */
  suspectMs: number;
  /** From the end of a write of this cache to its announcement, as last measured; `undefined` if it never was. */
  lagMs: number | undefined;
  /** Writes that wait to be sent again. */
  queuedWrites: number;
  /** Writes that were given up. */
  unsentWrites: number;
  /** Whether copies are served now: `"connected"`, or why they are not. */
  link: LinkState;
}
