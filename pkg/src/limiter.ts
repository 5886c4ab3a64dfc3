/** A rate limiter over counters. */

import { checkFunction, checkInteger, checkOptions, checkText, quote, utf8Length } from "./check.js";
import { systemNow } from "./clock.js";
import { type CounterProvider, counted, countersIn } from "./counters.js";
import type { KeyValue } from "./key/pattern.js";
import { keys } from "./key/patterns.js";
import { milliseconds } from "./ttl.js";
import type { Ttl } from "./types.js";

/** Options of a `RateLimiter`. */
export interface RateLimiterOptions {
  /**
   * What a check answers when the store fails: it rejects (`"fail"`, the default), or the request is allowed or refused,
   * and the answer has the `error`.
   */
  onStoreError?: "fail" | "allow" | "refuse" | undefined;
  /** The time in milliseconds since 1970, on which all that share counters must agree. Default: `Date.now`. */
  clock?: (() => number) | undefined;
}

/** The answer to a check. */
export interface RateLimit {
  /** Whether the request may go on. */
  allowed: boolean;
  /** The limit: requests in a window. */
  limit: number;
  /** How many more would be allowed now. */
  remaining: number;
  /**
   * In **milliseconds**. If it was refused: how long until a request is allowed, if nobody else asks meanwhile. If it was
   * allowed: how long until the window ends in which it was counted.
   */
  resetAfter: number;
  /** The failure of the store, where `onStoreError` has answered in its place: nothing was counted for certain then. */
  error: unknown;
}

/** The highest limit: counts of a window stay far below what numbers hold. */
const MAX_LIMIT = 2 ** 32;
const MAX_WINDOW = Math.floor(Number.MAX_SAFE_INTEGER / 3);
/** In bytes. A namespace and the number of the window go with it, and a refused length would look like a store that fails. */
const MAX_KEY = 32_768;
const CHOICES = ["fail", "allow", "refuse"];

/** Where a moment is among the windows. */
interface Moment {
  /** The window. */
  at: number;
  /** Milliseconds since it began. */
  elapsed: number;
}

/**
 * So many requests in a window, counted in a `MemoryCache` or in an `HttpCache`, so that all that share the store count
 * together; with Rust's `RateLimiter`, too.
 *
 * Windows begin at whole multiples of their length since 1970. The counters are `rate:{ip}:{endpoint}:{window}:{number}`,
 * in milliseconds, and go by themselves; `keys.rate.glob({ ip })` clears those of an address.
 *
 * - `fixedWindow` counts the requests of this window: never more than the limit in it, but up to twice as many at once
 *   across a border. One round trip. Refused requests count, in this window only.
 * - `slidingWindow` adds the share of the window before that still overlaps, as if its requests were spread evenly: never
 *   more than the limit in one window, and at most `limit * (1 + s / window)` in any time `s` up to a window. Two round
 *   trips; one where it refuses at once. Refused requests do not count.
 *
 * Both bounds hold for any number of concurrent callers. Where several meet at the limit of a sliding window, one that came
 * in time may be refused while another is taking its count back. A store that evicts counters forgets what they counted.
 *
 * ```js
 * import { MemoryCache, RateLimiter } from "isocache";
 *
 * const limiter = RateLimiter.fixedWindow(new MemoryCache(), 2, "1h");
 * (await limiter.check("10.0.0.7", "/login")).allowed; // true
 * (await limiter.check("10.0.0.8", "/login")).remaining; // 1
 * ```
 */
export class RateLimiter {
  readonly #counters: CounterProvider;
  readonly #slides: boolean;
  readonly #limit: number;
  readonly #window: number;
  readonly #onStoreError: string;
  readonly #clock: () => number;

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
   * At most `limit` requests in each window, which is given in **seconds** or with a unit.
   *
   * @throws TypeError or RangeError for what is out of range, naming it.
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
   * Counts a request from `ip` to `endpoint`, and says whether it may go on.
   *
   * Give the route as the endpoint, not the path as it came: who may choose the name of the counter has no limit.
   *
   * Rejects with a `TypeError` or `RangeError` for what is no key or has more than 32 KiB, whatever `onStoreError` says;
   * and, if that is `"fail"`, with the failure of the store.
   */
  async check(ip: KeyValue, endpoint: KeyValue): Promise<RateLimit> {
    return this.checkKey(keys.rate({ ip, endpoint }));
  }

  /** As `check`, under any key: `rate:{key of a client}`. */
  async checkKey(key: string): Promise<RateLimit> {
    checkText(key);
    const length = utf8Length(key);
    if (length > MAX_KEY) {
      throw new RangeError(
        `isocache: key ${quote(key)} has ${length} bytes, more than the ${MAX_KEY} of a rate limiter`,
      );
    }
    const moment = this.#moment();
    try {
      return await (this.#slides ? this.#checkSliding(key, moment) : this.#checkFixed(key, moment));
    } catch (error) {
      if (this.#onStoreError === "fail") {
        throw error;
      }
      return { ...this.#answer(this.#onStoreError === "allow", 0, this.#window - moment.elapsed), error };
    }
  }

  async #checkFixed(key: string, { at, elapsed }: Moment): Promise<RateLimit> {
    // Twice the window, so that a clock that is behind still finds the counter.
    const count = await this.#add(this.#counter(key, at), 1, 2);
    const room = this.#room(0, count, elapsed);
    return this.#answer(room >= 0, Math.max(room, 0), this.#window - elapsed);
  }

  async #checkSliding(key: string, { at, elapsed }: Moment): Promise<RateLimit> {
    const current = this.#counter(key, at);
    const counts = await this.#counters.getMany([current, this.#counter(key, at - 1)]);
    const [now, before] = [counted(counts[0]), counted(counts[1])];
    if (this.#room(before, now, elapsed) < 1) {
      return this.#answer(false, 0, this.#wait(before, now, elapsed));
    }
    const sum = await this.#add(current, 1, 3);
    const room = this.#room(before, sum, elapsed);
    if (room >= 0) {
      return this.#answer(true, room, this.#window - elapsed);
    }
    // Others came between. If it cannot be taken back, the count stays too high by one, which refuses and never allows.
    await this.#add(current, -1, 3).catch(() => {});
    return this.#answer(false, 0, this.#wait(before, sum - 1, elapsed));
  }

  #moment(): Moment {
    const now = Math.max(Math.floor(this.#clock()), 0);
    if (!Number.isSafeInteger(now)) {
      throw new RangeError(`isocache: clock gave ${now}, which is no time in milliseconds`);
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

  /** How many requests there are room for, when the window before had `before`; less than none, if there are too many. */
  #room(before: number, current: number, elapsed: number): number {
    const faded = ratio(before, this.#window - elapsed, this.#window, true);
    return this.#limit - current - faded;
  }

  /** How long until there is room for one, from a moment without. */
  #wait(before: number, current: number, elapsed: number): number {
    // When in a window there is room beside `current`, if the window before had `before`.
    const since = (before: number, current: number) =>
      this.#window - ratio(this.#limit - 1 - current, this.#window, Math.max(before, 1), false);
    const wait =
      current < this.#limit
        ? since(before, current) - elapsed
        : // Not in this window any more. In the next one, this one is the one before.
          this.#window - elapsed + since(current, 0);
    return Math.max(wait, 1);
  }

  #answer(allowed: boolean, remaining: number, resetAfter: number): RateLimit {
    return { allowed, limit: this.#limit, remaining, resetAfter, error: undefined };
  }
}

/** `a * b / c` as a whole number, rounded up or down. The product may be beyond what a number holds exactly. */
function ratio(a: number, b: number, c: number, up: boolean): number {
  const product = a * b;
  if (Number.isSafeInteger(product)) {
    return up ? Math.ceil(product / c) : Math.floor(product / c);
  }
  const [exact, by] = [BigInt(a) * BigInt(b), BigInt(c)];
  return Number(up ? (exact + by - 1n) / by : exact / by);
}
