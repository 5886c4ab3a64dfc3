/** The clock of one cache. */

import { wrongType } from "./check.js";
import { isGenuine, monotonicNow, recentNow } from "./clock.js";

/**
 * Reads the clock of a cache. The platform's clock stands at 0 before the first request of an edge worker. Time then
 * counts from its first reading, so that the ttls of earlier entries begin there.
 */
export class CacheClock {
  /** Whether the clock stood at 0 when it was last read. */
  #hasStopped = false;
  /** The first reading of a clock that stood still before. */
  #origin = 0;

  readonly #read: () => number;
  /** Whether it is the platform's clock, not one of the caller. */
  readonly isPlatforms: boolean;
  /** Whether readings by other caches are valid for this clock. */
  #isShared: boolean;

  constructor(read: () => number) {
    this.#read = read;
    this.isPlatforms = read === monotonicNow;
    this.#isShared = this.isPlatforms;
  }

  /** The time in milliseconds. */
  now(): number {
    const now = this.#read();
    // Part of every lookup of an entry with a ttl, and faster than `Number.isFinite`.
    const isUsual = typeof now === "number" && now > 0 && now < Infinity && !this.#hasStopped;
    return (isUsual ? now : this.#checked(now)) - this.#origin;
  }

  /**
   * A time that may be a moment old, without reading the clock. Negative if there is none, or if `due` is not far ahead
   * of it.
   */
  recent(due: number): number {
    return this.#isShared ? recentNow(due + this.#origin) - this.#origin : -1;
  }

  #checked(now: number): number {
    if (!Number.isFinite(now)) {
      throw wrongType("clock()", "a finite number", now);
    }
    if (now === 0 && this.isPlatforms && isGenuine()) {
      this.#hasStopped = true;
      this.#isShared = false;
    } else if (this.#hasStopped) {
      this.#hasStopped = false;
      this.#isShared = this.isPlatforms;
      this.#origin = now;
    }
    return now;
  }
}
