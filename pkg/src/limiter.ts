/** A rate limiter over counters. */

import { checkFunction, checkInteger, checkOptions, checkText, quote, utf8Length } from "./check.js";
import { systemNow } from "./clock.js";
import { type CounterProvider, counted, countersIn } from "./counters.js";
import type { KeyValue } from "./key/pattern.js";
import { keys } from "./key/patterns.js";
import type { Provider } from "./provider.js";
import { milliseconds } from "./ttl.js";
import type { Ttl } from "./types.js";

/** Options of a `RateLimiter`. */
export interface RateLimiterOptions {
  /**
   * The answer to a check when the store fails: it rejects (`"fail"`, the default), or the request is allowed or refused,
   * and the answer has the `error`.
   */
  onStoreError?: "fail" | "allow" | "refuse" | undefined;
  /** The time in milliseconds since 1970, on which all who share the counters must agree. Default: `Date.now`. */
  clock?: (() => number) | undefined;
}

/** Options of one check. */
export interface CheckOptions {
  /** For how many requests this one counts, from 1 to the limit. Default: 1. */
  cost?: number | undefined;
}

/** The answer to a check. */
export interface RateLimit {
  /** Whether the request may go on. */
  allowed: boolean;
  /** The number of requests in a window. */
  limit: number;
  /** How many more requests would be allowed now. */
  remaining: number;
  /**
   * In **milliseconds**. If the request was refused: the time until it would be allowed, if no other request comes before. If it
   * was allowed: the time until the end of the window in which it was counted.
   */
  resetAfter: number;
  /** The length of a window in **milliseconds**. */
  window: number;
  /** The failure of the store, where `onStoreError` has answered in its place: whether the request was counted is unknown. */
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
   * Entries that the store has evicted to keep a limit; `undefined` if it does not tell. Above 0, the limiter may have forgotten
   * clients that it had refused: give it a larger store, or one of its own.
   */
  forgotten: number | undefined;
}

/** The highest limit: counts of a window stay far below what numbers hold. */
const MAX_LIMIT = 2 ** 32;
const MAX_WINDOW = Math.floor(Number.MAX_SAFE_INTEGER / 3);
/** In bytes. A namespace and the number of the window are added, and a refused length would look like a failing store. */
const MAX_KEY = 32_768;
const CHOICES = ["fail", "allow", "refuse"];

/** Where a moment is among the windows. */
interface Moment {
  /** The number of the window. */
  at: number;
  /** Milliseconds since it began. */
  elapsed: number;
}

/**
 * Limits requests in a window, counted in a `MemoryCache`, an `HttpCache` or a `Cache` over one. All processes that share the
 * store count together, also with Rust's `RateLimiter`.
 *
 * Windows begin at whole multiples of their length since 1970. The counters are `rate:{ip}:{endpoint}:{window}:{number}`, in
 * milliseconds, and expire by themselves.
 *
 * - `fixedWindow` counts the requests of this window: never more than the limit in it, but up to twice as many at once
 *   across the border of two windows. One round trip. Refused requests count, in this window only.
 * - `slidingWindow` adds the part of the window before that still overlaps, as if its requests were spread evenly: never
 *   more than the limit in one window, and about `limit * (1 + s / window)` in any time `s` up to a window. Two round trips;
 *   one if it refuses at once. Refused requests do not count.
 *
 * Both bounds hold for any number of concurrent callers. If several meet at the limit of a sliding window, one that came in
 * time may be refused while another is taking its count back. A store that evicts counters forgets what they counted;
 * `getStats` tells.
 *
 * ```js
 * import { MemoryCache, RateLimiter } from "isocache";
 *
 * const limiter = RateLimiter.fixedWindow(new MemoryCache(), 2, "1h");
 * (await limiter.check("10.0.0.7", "/login")).allowed; // true
 * (await limiter.peek("10.0.0.7", "/login")).remaining; // 1
 * (await limiter.check("10.0.0.7", "/login", { cost: 2 })).allowed; // false
 * await limiter.reset("10.0.0.7", "/login"); // true
 * ```
 */
export class RateLimiter {
  readonly #counters: CounterProvider;
  readonly #slides: boolean;
  readonly #limit: number;
  readonly #window: number;
  readonly #onStoreError: string;
  readonly #clock: () => number;
  readonly #stats = { allowed: 0, refused: 0, failed: 0 };

  private constructor(
    counters: CounterProvider,
    slides: boolean,
    limit: number,
    window: Ttl,
    options: RateLimiterOptions = {},
  ) {
    checkOptions(options, ["onStoreError", "clock"]);
    const { onStoreError = "fail", clock = systemNow } = options;
    checkFunction("clock", clock);
    if (!CHOICES.includes(onStoreError)) {
      throw new TypeError(`isocache: onStoreError must be one of ${CHOICES.join(", ")}, not ${quote(onStoreError)}`);
    }
    this.#counters = countersIn(counters, "counters");
    this.#slides = slides;
    this.#limit = checkInteger("limit", limit, 1, MAX_LIMIT);
    this.#window = checkInteger("window", milliseconds(window), 1, MAX_WINDOW);
    this.#onStoreError = onStoreError;
    this.#clock = clock;
  }

  /**
   * At most `limit` requests in each window, whose length is given in **seconds** or with a unit.
   *
   * @throws TypeError or RangeError for an argument that is out of range, naming it.
   */
  static fixedWindow(counters: CounterProvider, limit: number, window: Ttl, options?: RateLimiterOptions): RateLimiter {
    return new RateLimiter(counters, false, limit, window, options);
  }

  /** At most `limit` requests in each window, and about as many in any time of its length. @throws as `fixedWindow`. */
  static slidingWindow(
    counters: CounterProvider,
    limit: number,
    window: Ttl,
    options?: RateLimiterOptions,
  ): RateLimiter {
    return new RateLimiter(counters, true, limit, window, options);
  }

  /**
   * Counts a request from `ip` to `endpoint`, and tells whether it is allowed.
   *
   * Pass the route as the endpoint, not the path of the request: a client that can choose the name of its counter has no limit.
   *
   * Rejects with a `TypeError` or `RangeError` for an invalid cost, and for a key that is invalid or longer than 32 KiB,
   * whatever `onStoreError` says; and, if that is `"fail"`, with the failure of the store.
   */
  async check(ip: KeyValue, endpoint: KeyValue, options?: CheckOptions): Promise<RateLimit> {
    return this.checkKey(keys.rate({ ip, endpoint }), options);
  }

  /** As `check`, under any key: `rate:{key of a client}`. */
  async checkKey(key: string, options: CheckOptions = {}): Promise<RateLimit> {
    const answer = await this.#answered(key, options, (cost, moment) =>
      this.#slides ? this.#checkSliding(key, cost, moment) : this.#checkFixed(key, cost, moment),
    );
    this.#stats[answer.allowed ? "allowed" : "refused"]++;
    return answer;
  }

  /** The answer that `check` would give now, without counting: `remaining` requests are left. Rejects as `check`. */
  async peek(ip: KeyValue, endpoint: KeyValue, options?: CheckOptions): Promise<RateLimit> {
    return this.peekKey(keys.rate({ ip, endpoint }), options);
  }

  /** As `peek`, under any key. */
  async peekKey(key: string, options: CheckOptions = {}): Promise<RateLimit> {
    return this.#answered(key, options, async (cost, moment) => {
      const { now, before } = await this.#counts(key, moment);
      const room = this.#room(before, now, moment.elapsed);
      return room < cost
        ? this.#answer(false, Math.max(room, 0), this.#wait(before, now, moment.elapsed, cost))
        : this.#answer(true, room, this.#window - moment.elapsed);
    });
  }

  /**
   * Forgets the requests of a client; true if there were any in this window or the one before. Rejects with the failure of the
   * store, whatever `onStoreError` says.
   */
  async reset(ip: KeyValue, endpoint: KeyValue): Promise<boolean> {
    return this.resetKey(keys.rate({ ip, endpoint }));
  }

  /** As `reset`, under any key. */
  async resetKey(key: string): Promise<boolean> {
    checkClientKey(key);
    const { at } = this.#moment();
    const counters = this.#counters;
    if (typeof counters.delete !== "function") {
      throw new TypeError("isocache: the counters have no method delete, which reset needs");
    }
    const removed = await Promise.all([at, at - 1].map((at) => counters.delete?.(this.#counter(key, at))));
    return removed.includes(true);
  }

  /** What this limiter has counted, and how many entries its store has evicted. Rejects with the failure of the store. */
  async getStats(): Promise<RateLimiterStats> {
    const counters = this.#counters as CounterProvider & Pick<Provider<unknown>, "getStats" | "stats">;
    const stats = counters.getStats ? await counters.getStats() : counters.stats?.();
    return { ...this.#stats, forgotten: stats?.evictions };
  }

  async #answered(
    key: string,
    options: CheckOptions,
    work: (cost: number, moment: Moment) => Promise<RateLimit>,
  ): Promise<RateLimit> {
    checkClientKey(key);
    checkOptions(options, ["cost"]);
    const cost = checkInteger("cost", options.cost ?? 1, 1, this.#limit);
    const moment = this.#moment();
    try {
      return await work(cost, moment);
    } catch (error) {
      this.#stats.failed++;
      if (this.#onStoreError === "fail") {
        throw error;
      }
      return { ...this.#answer(this.#onStoreError === "allow", 0, this.#window - moment.elapsed), error };
    }
  }

  async #checkFixed(key: string, cost: number, { at, elapsed }: Moment): Promise<RateLimit> {
    // Twice the window, so that a clock that is behind still finds the counter.
    const count = await this.#add(this.#counter(key, at), cost, 2);
    const room = this.#limit - count;
    return this.#answer(room >= 0, Math.max(room, 0), this.#window - elapsed);
  }

  async #checkSliding(key: string, cost: number, moment: Moment): Promise<RateLimit> {
    const { at, elapsed } = moment;
    const { now, before } = await this.#counts(key, moment);
    const left = this.#room(before, now, elapsed);
    if (left < cost) {
      return this.#answer(false, Math.max(left, 0), this.#wait(before, now, elapsed, cost));
    }
    const current = this.#counter(key, at);
    const sum = await this.#add(current, cost, 3);
    const room = this.#room(before, sum, elapsed);
    if (room >= 0) {
      return this.#answer(true, room, this.#window - elapsed);
    }
    // Others came between. If it cannot be taken back, the count stays too high, which refuses and never allows.
    await this.#add(current, -cost, 3).catch(() => {});
    return this.#answer(false, Math.max(room + cost, 0), this.#wait(before, sum - cost, elapsed, cost));
  }

  /** The counts of this window and, if it slides, of the one before. */
  async #counts(key: string, { at }: Moment): Promise<{ now: number; before: number }> {
    const windows = this.#slides ? [at, at - 1] : [at];
    const counts = await this.#counters.getMany(windows.map((at) => this.#counter(key, at)));
    return { now: counted(counts[0]), before: counted(counts[1]) };
  }

  #moment(): Moment {
    const now = Math.max(Math.floor(this.#clock()), 0);
    if (!Number.isSafeInteger(now)) {
      throw new RangeError(`isocache: clock must return a time in milliseconds since 1970, not ${now}`);
    }
    return { at: Math.floor(now / this.#window), elapsed: now % this.#window };
  }

  /** The counter of a window. */
  #counter(key: string, at: number): string {
    return `${key}:${this.#window}:${at}`;
  }

  async #add(counter: string, by: number, windows: number): Promise<number> {
    return this.#counters.increment(counter, by, { ttl: `${this.#window * windows}ms` });
  }

  /**
   * How many requests there is room for, if the window before had `before`; negative, if there are too many. Of the window
   * before, the milliseconds overlap that lie after this moment, less one window. The estimate is rounded down: a part of a
   * request refuses nobody.
   */
  #room(before: number, current: number, elapsed: number): number {
    return this.#limit - current - floored(before, this.#window - 1 - elapsed, this.#window);
  }

  /** How long until there is room for a request of this cost, from a moment without. */
  #wait(before: number, current: number, elapsed: number, cost: number): number {
    // When in a window there is room beside `current`, if the window before had `before`.
    const since = (before: number, current: number) =>
      Math.max(this.#window - 1 - floored(this.#limit - current - cost + 1, this.#window, Math.max(before, 1), 1), 0);
    const wait =
      this.#slides && current + cost <= this.#limit
        ? since(before, current) - elapsed
        : // Not in this window any more. In the next one, this one is the one before.
          this.#window - elapsed + (this.#slides ? since(current, 0) : 0);
    return Math.max(wait, 1);
  }

  #answer(allowed: boolean, remaining: number, resetAfter: number): RateLimit {
    return { allowed, limit: this.#limit, remaining, resetAfter, window: this.#window, error: undefined };
  }
}

function checkClientKey(key: string): void {
  checkText(key);
  const length = utf8Length(key);
  if (length > MAX_KEY) {
    throw new RangeError(`isocache: key ${quote(key)} has ${length} bytes, more than the ${MAX_KEY} of a rate limiter`);
  }
}

/** `(a * b - less) / c`, rounded down. The product may be beyond what a number holds exactly. */
function floored(a: number, b: number, c: number, less = 0): number {
  const product = a * b;
  if (Number.isSafeInteger(product)) {
    return Math.floor((product - less) / c);
  }
  return Number((BigInt(a) * BigInt(b) - BigInt(less)) / BigInt(c));
}
