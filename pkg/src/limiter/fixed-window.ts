/** A fixed window, over one counter for each window. The rules are those of the Rust crate's `src/limiter/fixed_window.rs`. */

import { type CounterProvider, counted } from "../counters.js";
import { readMany } from "../uncounted.js";
import { optionsFor, writeOptions } from "../write-options.js";
import type { Algorithm, Verdict } from "./algorithm.js";

/** Windows of one length in milliseconds, which begin at whole multiples of it. */
export class FixedWindow implements Algorithm {
  readonly window: number;
  readonly #counters: CounterProvider;
  readonly #limit: number;

  constructor(counters: CounterProvider, limit: number, window: number) {
    this.#counters = counters;
    this.#limit = limit;
    this.window = window;
  }

  async check(key: string, cost: number, now: number): Promise<Verdict> {
    // Twice the window, so that a machine whose clock is behind still finds the counter.
    const options = optionsFor(this.#counters, writeOptions(2 * this.window));
    const count = await this.#counters.increment(this.#counter(key, now), cost, options);
    return this.#verdict(count, 0, now);
  }

  async peek(key: string, cost: number, now: number): Promise<Verdict> {
    const [count] = await readMany(this.#counters, this.keys(key, now));
    return this.#verdict(counted(count), cost, now);
  }

  keys(key: string, now: number): string[] {
    return [this.#counter(key, now)];
  }

  left(now: number): number {
    return this.window - (now % this.window);
  }

  #counter(key: string, now: number): string {
    return `${key}:${this.window}:${Math.floor(now / this.window)}`;
  }

  #verdict(count: number, cost: number, now: number): Verdict {
    const remaining = this.#limit - count;
    return { allowed: remaining >= cost, remaining, resetAfter: this.left(now) };
  }
}
