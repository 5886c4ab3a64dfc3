/** Fixed and sliding windows, over counters. The rules are those of the Rust crate's `src/limiter/windows.rs`. */

import { type CounterProvider, counted } from "../counters.js";
import { readMany } from "../uncounted.js";
import { optionsFor, writeOptions } from "../write-options.js";
import type { Algorithm, Verdict } from "./algorithm.js";

/** The position of a time among the windows. */
interface Moment {
  /** The number of the window. */
  at: number;
  /** Milliseconds since it began. */
  elapsed: number;
}

/** Windows of one length in milliseconds, which begin at whole multiples of it. */
export class Windows implements Algorithm {
  readonly window: number;
  readonly #counters: CounterProvider;
  readonly #limit: number;
  /** Whether the share of the previous window that still overlaps is added. */
  readonly #slide: boolean;

  constructor(counters: CounterProvider, limit: number, window: number, slide: boolean) {
    this.#counters = counters;
    this.#limit = limit;
    this.window = window;
    this.#slide = slide;
  }

  check(key: string, cost: number, now: number): Promise<Verdict> {
    return this.#slide ? this.#checkSliding(key, cost, now) : this.#checkFixed(key, cost, now);
  }

  async peek(key: string, cost: number, now: number): Promise<Verdict> {
    const { elapsed } = this.#moment(now);
    const { count, previous } = await this.#counts(key, now);
    const room = this.#room(previous, count, elapsed);
    return room < cost
      ? { allowed: false, remaining: room, resetAfter: this.#wait(previous, count, elapsed, cost) }
      : { allowed: true, remaining: room, resetAfter: this.window - elapsed };
  }

  keys(key: string, now: number): string[] {
    const { at } = this.#moment(now);
    return [this.#counter(key, at), this.#counter(key, at - 1)];
  }

  left(now: number): number {
    return this.window - this.#moment(now).elapsed;
  }

  async #checkFixed(key: string, cost: number, now: number): Promise<Verdict> {
    const { at, elapsed } = this.#moment(now);
    // Twice the window, so that a machine whose clock is behind still finds the counter.
    const room = this.#limit - (await this.#add(this.#counter(key, at), cost, 2));
    return { allowed: room >= 0, remaining: room, resetAfter: this.window - elapsed };
  }

  async #checkSliding(key: string, cost: number, now: number): Promise<Verdict> {
    const { at, elapsed } = this.#moment(now);
    const { count, previous } = await this.#counts(key, now);
    const left = this.#room(previous, count, elapsed);
    if (left < cost) {
      return { allowed: false, remaining: left, resetAfter: this.#wait(previous, count, elapsed, cost) };
    }
    const current = this.#counter(key, at);
    const sum = await this.#add(current, cost, 3);
    const room = this.#room(previous, sum, elapsed);
    if (room >= 0) {
      return { allowed: true, remaining: room, resetAfter: this.window - elapsed };
    }
    // Other requests came in between. If the increment cannot be undone, the count stays too high: that refuses requests
    // and never allows them.
    await this.#add(current, -cost, 3).catch(() => {});
    const resetAfter = this.#wait(previous, sum - cost, elapsed, cost);
    return { allowed: false, remaining: room + cost, resetAfter };
  }

  /** The counts of the current window and, if windows slide, of the previous one. */
  async #counts(key: string, now: number): Promise<{ count: number; previous: number }> {
    const keys = this.keys(key, now).slice(0, this.#slide ? 2 : 1);
    const counts = await readMany(this.#counters, keys);
    return { count: counted(counts[0]), previous: counted(counts[1]) };
  }

  #moment(now: number): Moment {
    return { at: Math.floor(now / this.window), elapsed: now % this.window };
  }

  /** The key of the counter of a window. */
  #counter(key: string, at: number): string {
    return `${key}:${this.window}:${at}`;
  }

  /** Adds to a counter that expires after a number of windows. */
  async #add(counter: string, by: number, windows: number): Promise<number> {
    return this.#counters.increment(counter, by, optionsFor(this.#counters, writeOptions(this.window * windows)));
  }

  /**
   * How many requests there is room for; negative if there are too many. The previous window counts by its share of
   * milliseconds that are less than a window ago. The estimate is rounded down: a part of a request refuses nobody.
   */
  #room(previous: number, current: number, elapsed: number): number {
    return this.#limit - current - floored(previous, this.window - 1 - elapsed, this.window);
  }

  /** The time until there is room for a request of this cost, if there is none now. */
  #wait(previous: number, current: number, elapsed: number, cost: number): number {
    // The time within a window from which on there is room, for these counts.
    const from = (previous: number, current: number) =>
      Math.max(this.window - 1 - floored(this.#limit - current - cost + 1, this.window, Math.max(previous, 1), 1), 0);
    const wait =
      this.#slide && current + cost <= this.#limit
        ? from(previous, current) - elapsed
        : // Not in this window. In the next one, this one is the previous.
          this.window - elapsed + (this.#slide ? from(current, 0) : 0);
    return Math.max(wait, 1);
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
