/** What a limiter needs of its algorithm. */

/** What an algorithm says about a request. */
export interface Verdict {
  allowed: boolean;
  /** May be negative. */
  remaining: number;
  /** In milliseconds. */
  resetAfter: number;
}

/** Times are in milliseconds since 1970. */
export interface Algorithm {
  /** The length of a window, or the time in which a bucket becomes full, in milliseconds. */
  readonly window: number;
  /** Counts a request. */
  check(key: string, cost: number, now: number): Promise<Verdict>;
  /** As `check`, without counting. */
  peek(key: string, cost: number, now: number): Promise<Verdict>;
  /** The keys of the counters in which a request may be counted that still matters. */
  keys(key: string, now: number): string[];
  /** The `resetAfter` of a request that could not be counted. */
  left(now: number): number;
}
