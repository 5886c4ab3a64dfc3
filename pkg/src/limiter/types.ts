/** Options and results of a `RateLimiter`. */

/** Options of a `RateLimiter`. */
export interface RateLimiterOptions {
  /**
   * What a check does if the store fails: it rejects (`"fail"`, the default), or the request is allowed or refused, and
   * the result has the `error`.
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

/** The result of a check. */
export interface RateLimit {
  /** Whether the request is allowed. */
  allowed: boolean;
  /** The number of requests in a window, or of tokens in a full bucket. */
  limit: number;
  /** The number of further requests that would be allowed now. */
  remaining: number;
  /**
   * In **milliseconds**. If the request was refused: the time until it would be allowed, if no other request comes
   * first. If it was allowed: the time until the fixed window ends, or until the client has the whole limit again.
   */
  resetAfter: number;
  /** The length of a window, or the time in which an empty token bucket becomes full, in **milliseconds**. */
  window: number;
  /** The failure of the store, if `onStoreError` decided in its place. The request may or may not have been counted. */
  error: unknown;
}

/** The counts of a `RateLimiter` since it was created. */
export interface RateLimiterStats {
  /** Checks that allowed a request. */
  allowed: number;
  /** Checks that refused a request. */
  refused: number;
  /** Checks in which the store failed. */
  failed: number;
  /**
   * Entries that the store has evicted to keep a limit; `undefined` if it does not report them. If it is above 0, the
   * limiter may have forgotten clients that it had refused: give it a larger store, or its own.
   */
  forgotten: number | undefined;
}
