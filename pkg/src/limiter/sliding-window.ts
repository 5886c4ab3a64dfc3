/**
 * A sliding window, over up to 64 counters. The Rust crate's `src/limiter/sliding_window.rs` has the rules, and
 * explains why they keep the limit.
 *
 * The limit is divided among cells. A request takes room in a cell, and a cell is empty again one window after its first
 * request. The counter of a cell is `end * (size + 1) + used`, where `end` is the time at which it is empty again.
 */

import { type CounterProvider, counted } from "../counters.js";
import { readMany } from "../uncounted.js";
import { ttlFor } from "../write-options.js";
import type { Algorithm, Verdict } from "./algorithm.js";

const MAX_CELLS = 64;
/** Counters stay below this, so they are exact. */
const COUNTS = 2 ** 53;
/** The latest time, in milliseconds since 1970, apart from two windows: the year 2109. */
const LATEST = 2 ** 42;

/** A cell that contains counted requests. */
interface Cell {
  /** The time at which it is empty again. */
  end: number;
  used: number;
}

/** A counter after a request has taken room in it. */
interface Taken {
  index: number;
  units: number;
  count: number;
}

export class SlidingWindow implements Algorithm {
  readonly window: number;
  readonly #counters: Required<Pick<CounterProvider, "incrementWithin">> & CounterProvider;
  readonly #limit: number;
  /** The number of requests in a full cell. */
  readonly #size: number;
  /** The milliseconds in a unit of `end`: 1, unless cells are so large that counters would not be exact. */
  readonly #unit: number;

  constructor(counters: CounterProvider, limit: number, window: number) {
    if (typeof counters.incrementWithin !== "function") {
      throw new TypeError("isocache: the counters have no method incrementWithin, which a sliding window needs");
    }
    this.#counters = counters as CounterProvider & { incrementWithin: NonNullable<CounterProvider["incrementWithin"]> };
    this.#limit = limit;
    this.window = window;
    this.#size = Math.ceil(limit / MAX_CELLS);
    this.#unit = Math.ceil((LATEST + 2 * window) / Math.floor(COUNTS / (this.#size + 1)));
    // A unit must be a small part of the window.
    if (this.#unit > 1 && this.#unit * MAX_CELLS > window) {
      throw new RangeError(
        `isocache: limit must be lower than ${limit} for a sliding window of ${window} ms, or the window longer`,
      );
    }
  }

  async check(key: string, cost: number, now: number): Promise<Verdict> {
    const end = this.#end(now);
    const names = this.keys(key);
    const counts = await this.#read(names);
    const taken: Taken[] = [];
    for (let missing = cost; missing > 0; ) {
      const index = this.#next(counts, now);
      if (index === undefined || this.#room(counts, now) < missing) {
        await this.#giveBack(names, taken, counts);
        return this.#verdict(false, counts, cost, now);
      }
      const units = Math.min(missing, this.#roomIn(index, counts, now));
      const seen = counts[index] as number;
      const isUsed = this.#cell(seen, now) !== undefined;
      const becomes = isUsed ? seen + units : end * (this.#size + 1) + units;
      const ceiling = isUsed ? this.#full(index, seen) : becomes;
      const changed = await this.#change(names[index] as string, becomes - seen, seen, ceiling);
      if (changed.stored) {
        missing -= units;
        taken.push({ index, units, count: changed.count });
      }
      // If it was not stored, others were faster, and the count is greater.
      counts[index] = changed.stored || changed.count > seen ? changed.count : this.#full(index, becomes);
    }
    return this.#verdict(true, counts, cost, now);
  }

  async peek(key: string, cost: number, now: number): Promise<Verdict> {
    const counts = await this.#read(this.keys(key));
    return this.#verdict(this.#room(counts, now) >= cost, counts, cost, now);
  }

  /** Another limit has other keys, because the size of its cells may differ. */
  keys(key: string): string[] {
    const prefix = `${key}:${this.window}:sliding:${this.#limit}:`;
    return Array.from({ length: Math.ceil(this.#limit / this.#size) }, (_, index) => prefix + index);
  }

  left(): number {
    return this.window;
  }

  #capacity(index: number): number {
    return Math.min(this.#limit - this.#size * index, this.#size);
  }

  /** The `end` of a cell that is taken now. */
  #end(now: number): number {
    const end = Math.floor((now + this.window) / this.#unit);
    if (end >= Math.floor(COUNTS / (this.#size + 1))) {
      throw new RangeError(`isocache: clock must return a time in milliseconds since 1970, not ${now}`);
    }
    return end;
  }

  /** The cell of a counter, if it contains counted requests. */
  #cell(count: number, now: number): Cell | undefined {
    const used = count % (this.#size + 1);
    const end = ((count - used) / (this.#size + 1)) * this.#unit;
    return end > now && used > 0 ? { end, used } : undefined;
  }

  #roomIn(index: number, counts: readonly number[], now: number): number {
    const used = this.#cell(counts[index] as number, now)?.used ?? 0;
    return Math.max(this.#capacity(index) - used, 0);
  }

  #room(counts: readonly number[], now: number): number {
    return counts.reduce((room, _, index) => room + this.#roomIn(index, counts, now), 0);
  }

  /** The cell that the next request takes room in: a used one, if one has room. */
  #next(counts: readonly number[], now: number): number | undefined {
    const withRoom = [...counts.keys()].filter((index) => this.#roomIn(index, counts, now) > 0);
    return withRoom.find((index) => this.#cell(counts[index] as number, now)) ?? withRoom[0];
  }

  #verdict(allowed: boolean, counts: readonly number[], cost: number, now: number): Verdict {
    const remaining = this.#room(counts, now);
    const cells = counts.map((count) => this.#cell(count, now)).filter((cell) => cell !== undefined);
    cells.sort((a, b) => a.end - b.end);
    let missing = Math.max(cost - remaining, 1);
    const isEnough = ({ used }: Cell) => {
      missing -= used;
      return missing <= 0;
    };
    const last = allowed ? cells.at(-1) : cells.find(isEnough);
    return { allowed, remaining, resetAfter: (last?.end ?? now + (allowed ? 0 : this.window)) - now };
  }

  async #read(names: readonly string[]): Promise<number[]> {
    const found = await readMany(this.#counters, names);
    return names.map((_, index) => counted(found[index]));
  }

  #change(name: string, by: number, floor: number, ceiling: number) {
    // Twice the window, so that a machine whose clock is behind still finds the counter.
    const ttl = ttlFor(this.#counters, 2 * this.window);
    return this.#counters.incrementWithin(name, by, { floor, ceiling, ttl });
  }

  /** The counter of the cell if nothing were used. */
  #empty(count: number): number {
    return count - (count % (this.#size + 1));
  }

  /** The counter of the cell if it were full. */
  #full(index: number, count: number): number {
    return this.#empty(count) + this.#capacity(index);
  }

  /**
   * Returns the units taken for a refused request. If this fails, they stay taken: too few requests are allowed, never
   * too many.
   */
  async #giveBack(names: readonly string[], taken: readonly Taken[], counts: number[]): Promise<void> {
    for (const { index, units, count } of taken) {
      counts[index] = (counts[index] as number) - units;
      const [floor, ceiling] = [this.#empty(count) + units, this.#full(index, count) - units];
      try {
        // Unless the cell was taken again, or evicted.
        await this.#change(names[index] as string, -units, floor, ceiling);
      } catch {
        // It stays taken until the window has passed.
      }
    }
  }
}
