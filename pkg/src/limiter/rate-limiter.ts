/** A rate limiter over counters. */

import { checkFunction, checkInteger, checkOneOf, checkOptions, checkText, quote, utf8Length } from "../check.js";
import { systemNow } from "../clock.js";
import { type CounterProvider, countersIn } from "../counters.js";
import type { KeyValue } from "../key/pattern.js";
import { keys } from "../key/patterns.js";
import type { Provider } from "../provider.js";
import { milliseconds } from "../ttl.js";
import type { Ttl } from "../types.js";
import type { Algorithm, Verdict } from "./algorithm.js";
import { FixedWindow } from "./fixed-window.js";
import { SlidingWindow } from "./sliding-window.js";
import { TokenBucket } from "./token-bucket.js";
import type { CheckOptions, RateLimit, RateLimiterOptions, RateLimiterStats } from "./types.js";

/** The highest limit. Counts stay far below the largest safe integer. */
const MAX_LIMIT = 2 ** 32;
/** In milliseconds: a third of the largest safe integer. */
const MAX_WINDOW = 3_002_399_751_580_330;
/**
 * In bytes. A namespace and the number of the window are added, and a store that refuses the length would look like a
 * failing one.
 */
const MAX_KEY = 32_768;

/** Creates the algorithm of a limiter. */
type MakeAlgorithm = (counters: CounterProvider, limit: number, window: number) => Algorithm;

/**
 * Limits the requests of each client, with counters in a `MemoryCache`, an `HttpCache`, or a `Cache` over one. All
 * processes that share the store count together, including those that use Rust's `RateLimiter`.
 *
 * - `fixedWindow` counts the requests of the current window. It never allows more than the limit in one window, but up to
 *   twice the limit at once where two windows meet. One round trip. Refused requests count, in this window only.
 * - `slidingWindow` counts the requests less than a window ago. It allows at most `limit` in any period of the length
 *   of the window. Two round trips; one if it refuses. Refused requests do not count.
 * - `tokenBucket` holds `limit` tokens, and an empty one becomes full in `window`. It allows at most
 *   `limit * (1 + s / window)` in any time `s`. One round trip. Refused requests do not count.
 *
 * A sliding window and a token bucket need `incrementWithin` of the store; over Redis that is a script. Fixed windows begin at
 * whole multiples of their length since 1970. The bounds hold for any number of concurrent callers.
 *
 * **The sliding window** is exact up to a limit of 64: it decides as a log of all allowed requests would. Above that,
 * it keeps only 64 timestamps, each for up to `n = Math.ceil(limit / 64)` requests: it never refuses what a log would allow,
 * and allows up to `n - 1` requests more, 1 for a limit of 100. Above 130,000, timestamps are rounded by less than a 64th of
 * the window. If requests that cost more than 1 meet at the limit, one may be refused while another gives back what it
 * has taken. A client has an entry in the store for each of its requests, but at most 64.
 *
 * The counters are `rate:{ip}:{endpoint}:{window}:{number}` for a fixed window, with its length in milliseconds,
 * `rate:{ip}:{endpoint}:{window}:sliding:{limit}:{number}` and `rate:{ip}:{endpoint}:{window}:bucket:{limit}`. They
 * expire by themselves. A store that evicts counters forgets their counts; `getStats` reports this.
 *
 * ```js
 * import { MemoryCache, RateLimiter } from "isocache";
 *
 * const limiter = RateLimiter.tokenBucket(new MemoryCache(), 2, "1h");
 * (await limiter.check("10.0.0.7", "/login")).allowed; // true
 * (await limiter.peek("10.0.0.7", "/login")).remaining; // 1
 * (await limiter.check("10.0.0.7", "/login", { cost: 2 })).allowed; // false
 * await limiter.reset("10.0.0.7", "/login"); // true
 * ```
 */
export class RateLimiter {
  readonly #counters: CounterProvider;
  readonly #algorithm: Algorithm;
  readonly #limit: number;
  readonly #onStoreError: string;
  readonly #clock: () => number;
  readonly #stats = { allowed: 0, refused: 0, failed: 0 };

  private constructor(
    counters: CounterProvider,
    limit: number,
    window: Ttl,
    options: RateLimiterOptions = {},
    make: MakeAlgorithm,
  ) {
    checkOptions(options, ["onStoreError", "clock"]);
    const { onStoreError = "fail", clock = systemNow } = options;
    checkFunction("clock", clock);
    checkOneOf("onStoreError", onStoreError, ["fail", "allow", "refuse"]);
    this.#counters = countersIn(counters, "counters");
    this.#limit = checkInteger("limit", limit, 1, MAX_LIMIT);
    const length = checkInteger("window", milliseconds(window, "window"), 1, MAX_WINDOW);
    this.#algorithm = make(this.#counters, limit, length);
    this.#onStoreError = onStoreError;
    this.#clock = clock;
  }

  /**
   * Allows at most `limit` requests in each window, whose length is given in **seconds** or with a unit.
   *
   * @throws TypeError or RangeError for an argument that is out of range, naming it.
   */
  static fixedWindow(counters: CounterProvider, limit: number, window: Ttl, options?: RateLimiterOptions): RateLimiter {
    return new RateLimiter(counters, limit, window, options, (...of) => new FixedWindow(...of));
  }

  /**
   * Allows at most `limit` requests in any period of the length of the window.
   *
   * @throws as `fixedWindow`; TypeError if the counters cannot count within bounds; RangeError for limits above 130,000 in a
   * window so short that its requests could not be told apart.
   */
  static slidingWindow(
    counters: CounterProvider,
    limit: number,
    window: Ttl,
    options?: RateLimiterOptions,
  ): RateLimiter {
    return new RateLimiter(counters, limit, window, options, (...of) => new SlidingWindow(...of));
  }

  /**
   * Allows `limit` requests at once, and then one for each token that comes back: `limit` tokens in `window`, evenly. For a
   * burst of 100 and 10 requests per second, the limit is 100 and the window `"10s"`.
   *
   * A rate that is not a whole number of thousandths of a millisecond per token is rounded down by less than 1 %;
   * results then contain the rounded window.
   *
   * @throws as `fixedWindow`; TypeError if the counters cannot count within bounds; RangeError for more than 10 tokens per
   * millisecond where they do not divide the window evenly.
   */
  static tokenBucket(counters: CounterProvider, limit: number, window: Ttl, options?: RateLimiterOptions): RateLimiter {
    return new RateLimiter(counters, limit, window, options, (...of) => new TokenBucket(...of));
  }

  /**
   * Counts a request from `ip` to `endpoint`, and returns whether it is allowed.
   *
   * Pass the route as the endpoint, not the path of the request: a client that can choose the name of its counter has no limit.
   *
   * Rejects with a `TypeError` or `RangeError` for an invalid cost, and for a key that is invalid or longer than 32 KiB,
   * whatever `onStoreError` says; and, if that is `"fail"`, with the failure of the store.
   */
  async check(ip: KeyValue, endpoint: KeyValue, options?: CheckOptions): Promise<RateLimit> {
    return this.checkKey(keys.rate({ ip, endpoint }), options);
  }

  /** As `check`, under any key. */
  async checkKey(key: string, options: CheckOptions = {}): Promise<RateLimit> {
    const result = await this.#answered(key, options, (cost, now) => this.#algorithm.check(key, cost, now));
    this.#stats[result.allowed ? "allowed" : "refused"]++;
    return result;
  }

  /** Returns what `check` would return now, without counting a request. Rejects as `check`. */
  async peek(ip: KeyValue, endpoint: KeyValue, options?: CheckOptions): Promise<RateLimit> {
    return this.peekKey(keys.rate({ ip, endpoint }), options);
  }

  /** As `peek`, under any key. */
  async peekKey(key: string, options: CheckOptions = {}): Promise<RateLimit> {
    return this.#answered(key, options, (cost, now) => this.#algorithm.peek(key, cost, now));
  }

  /**
   * Forgets the requests of a client. Returns whether any of them still counted. Rejects with the failure of the store,
   * whatever `onStoreError` says.
   */
  async reset(ip: KeyValue, endpoint: KeyValue): Promise<boolean> {
    return this.resetKey(keys.rate({ ip, endpoint }));
  }

  /** As `reset`, under any key. */
  async resetKey(key: string): Promise<boolean> {
    checkClientKey(key);
    const counters = this.#counters;
    if (typeof counters.delete !== "function") {
      throw new TypeError("isocache: the counters have no method delete, which reset needs");
    }
    const all = this.#algorithm.keys(key, this.#now());
    const removed = await Promise.all(all.map((counter) => counters.delete?.(counter)));
    return removed.includes(true);
  }

  /**
   * The counts of this limiter, and the number of entries that its store has evicted. Rejects with the failure of the
   * store.
   */
  async getStats(): Promise<RateLimiterStats> {
    const counters = this.#counters as CounterProvider & Pick<Provider<unknown>, "getStats" | "stats">;
    const stats = counters.getStats ? await counters.getStats() : counters.stats?.();
    return { ...this.#stats, forgotten: stats?.evictions };
  }

  async #answered(
    key: string,
    options: CheckOptions,
    work: (cost: number, now: number) => Promise<Verdict>,
  ): Promise<RateLimit> {
    checkClientKey(key);
    checkOptions(options, ["cost"]);
    const cost = checkInteger("cost", options.cost ?? 1, 1, this.#limit);
    const now = this.#now();
    try {
      return this.#answer(await work(cost, now));
    } catch (error) {
      this.#stats.failed++;
      if (this.#onStoreError === "fail") {
        throw error;
      }
      const verdict = {
        allowed: this.#onStoreError === "allow",
        remaining: 0,
        resetAfter: this.#algorithm.left(now),
      };
      return { ...this.#answer(verdict), error };
    }
  }

  #now(): number {
    const now = Math.max(Math.floor(this.#clock()), 0);
    if (!Number.isSafeInteger(now)) {
      throw new RangeError(`isocache: clock must return a time in milliseconds since 1970, not ${now}`);
    }
    return now;
  }

  #answer({ allowed, remaining, resetAfter }: Verdict): RateLimit {
    const window = this.#algorithm.window;
    return { allowed, limit: this.#limit, remaining: Math.max(remaining, 0), resetAfter, window, error: undefined };
  }
}

function checkClientKey(key: string): void {
  checkText(key);
  const length = utf8Length(key);
  if (length > MAX_KEY) {
    throw new RangeError(`isocache: key ${quote(key)} has ${length} bytes, more than the ${MAX_KEY} of a rate limiter`);
  }
}
