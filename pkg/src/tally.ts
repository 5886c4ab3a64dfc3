/** The counts of one cache: those of its engine, including the work done without a call. */

import type { Engine } from "./engine.js";

interface Counts {
  hits: number;
  misses: number;
  sets: number;
  deletes: number;
  evictions: number;
  expirations: number;
  entries: number;
  bytes: number;
}

export class Tally {
  misses = 0;
  /** Values overwritten without a call; the engine has counted a hit for each. */
  rewrites = 0;
  /** Entries evicted for new ones without a call; the same applies. */
  replaced = 0;
  /** Uses that were not lookups; the engine has counted a hit for each. */
  touches = 0;

  /** All counts, and the current number of entries. */
  counts(engine: Engine): Counts {
    const count = (of: number) => engine.count(of);
    return {
      hits: count(0) - this.rewrites - this.replaced - this.touches,
      misses: this.misses,
      sets: count(1) + this.rewrites + this.replaced,
      deletes: count(2),
      evictions: count(3) + this.replaced,
      expirations: count(4),
      entries: count(5),
      bytes: count(6),
    };
  }
}
