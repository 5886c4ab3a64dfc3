/** Options and answers of a `RateLimiter`. */

/** Options of a `RateLimiter`. */
export interface RateLimiterOptions {
  /**
   * What a check does if the store fails: it rejects (`"fail"`, the default), or the request is allowed or refused, and the
   * answer has the `error`.
   */
  onStoreError?: "fail" | "allow" | "refuse" | undefined;
  /** Returns the time in milliseconds since 1970. All limiters that share the counters must agree on it. Default: `Date.now`. */
  clock?: (() => number) | undefined;
}

/** Options of one check. */
export interface CheckOptions {
  /** The number of requests that this one counts as, from 1 to the limit. Default: 1. */
  cost?: number | undefined;
}

/** The answer to a check. */
export interface RateLimit {
  /** Whether the request is allowed. */
  allowed: boolean;
  /** The number of requests in a window, or that a token bucket holds. */
  limit: number;
  /** How many more requests would be allowed now. */
  remaining: number;
  /**
   * In **milliseconds**. If the request was refused: the time until it would be allowed, if no other request comes before. If
   * it was allowed: the time until the fixed window ends, or until the client has the whole limit again.
   */
  resetAfter: number;
  /** The length of a window, or the time in which a token bucket becomes full, in **milliseconds**. */
  window: number;
  /** The failure of the store, if `onStoreError` has answered in its place. It is not known whether the request was counted. */
  error: unknown;
}

/** What a `RateLimiter` has counted since it was made. */
export interface RateLimiterStats {
  /** Checks that allowed a request. */
  allowed: number;
  /** Checks that refused a request. */
  refused: number;
  /** Checks in which the store failed. */
  failed: number;
  /**
   * Entries that the store has evicted to keep a limit; `undefined` if it does not tell. If it is above 0, the limiter may
   * have forgotten clients that it had refused: give it a larger store, or a store of its own.
   */
  forgotten: number | undefined;
}
