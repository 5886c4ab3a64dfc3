/** The clock of one cache. */

import { wrongType } from "./check.js";
import { isGenuine, monotonicNow } from "./clock.js";

/**
 * Reads the clock that a cache was given. The platform's stands at 0 before the first request of an edge worker; time is
 * counted from its first reading then, so that the ttls of earlier entries begin there.
 */
export class CacheClock {
  /** Whether the clock stood at 0 when it was last read. */
  #hasStopped = false;
  /** The first reading of a clock that had stood still. */
  #origin = 0;

  readonly #read: () => number;
  readonly #isPlatforms: boolean;

  constructor(read: () => number) {
    this.#read = read;
    this.#isPlatforms = read === monotonicNow;
  }

  /** The time in milliseconds. With `due`, it may be a moment old, if nothing expires before `due`. */
  now(due?: number): number {
    const now = this.#isPlatforms ? monotonicNow(due) : this.#read();
    // This is a part of every lookup of an entry with a ttl, and quicker than `Number.isFinite`.
    const isUsual = typeof now === "number" && now > 0 && now < Infinity && !this.#hasStopped;
    return (isUsual ? now : this.#checked(now)) - this.#origin;
  }

  #checked(now: number): number {
    if (!Number.isFinite(now)) {
      throw wrongType("clock()", "a finite number", now);
    }
    if (now === 0 && this.#isPlatforms && isGenuine()) {
      this.#hasStopped = true;
    } else if (this.#hasStopped) {
      this.#hasStopped = false;
      this.#origin = now;
    }
    return now;
  }
}
