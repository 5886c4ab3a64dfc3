/** The algorithm of a limiter. */

/** The decision of an algorithm on a request. */
export interface Verdict {
  allowed: boolean;
  /** May be negative. */
  remaining: number;
  /** In milliseconds. */
  resetAfter: number;
}

/** Times are in milliseconds since 1970. */
export interface Algorithm {
  /** The length of a window, or the time in which an empty bucket becomes full, in milliseconds. */
  readonly window: number;
  /** Counts a request. */
  check(key: string, cost: number, now: number): Promise<Verdict>;
  /** As `check`, without counting. */
  peek(key: string, cost: number, now: number): Promise<Verdict>;
  /** The keys of the counters in which a request that still matters may be counted. */
  keys(key: string, now: number): string[];
  /** The `resetAfter` of a request that could not be counted. */
  left(now: number): number;
}
