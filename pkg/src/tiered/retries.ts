/** The queue of failed writes, in the order in which they were issued. */

import type { UnsentWrite } from "./options.js";

interface Waiting {
  readonly write: UnsentWrite;
  readonly send: () => unknown;
}

/** The first and the longest pause before queued writes are sent again, in milliseconds. */
const FIRST_PAUSE = 100;
const LONGEST_PAUSE = 5000;

export class Retries {
  /** Writes that were given up. */
  unsent = 0;
  readonly #most: number;
  readonly #report: (error: unknown, write: UnsentWrite) => void;
  readonly #waiting: Waiting[] = [];
  #isSending = false;
  #wake: (() => void) | undefined;
  #isClosed = false;
  /** The error of the last failed write. */
  lastError: unknown;

  constructor(most: number, report: (error: unknown, write: UnsentWrite) => void) {
    this.#most = most;
    this.#report = report;
  }

  /** The number of queued writes. */
  get size(): number {
    return this.#waiting.length;
  }

  /**
   * Queues a write that failed, or that would overtake queued ones. Returns whether it was queued; if not, the caller gets the
   * error.
   */
  take(error: unknown, write: UnsentWrite, send: () => unknown): boolean {
    if (this.#isClosed || this.#waiting.length >= this.#most || !isPassing(error)) {
      return false;
    }
    this.lastError = error;
    this.#waiting.push({ write, send });
    if (!this.#isSending) {
      this.#isSending = true;
      this.#send();
    }
    return true;
  }

  async #send(): Promise<void> {
    for (let failures = 0; this.#waiting.length > 0; ) {
      await this.#pause(failures);
      const first = this.#waiting[0];
      if (first === undefined) {
        break;
      }
      try {
        await first.send();
        this.#waiting.shift();
        failures = 0;
      } catch (error) {
        this.lastError = error;
        failures++;
        if (!isPassing(error)) {
          this.#waiting.shift();
          this.#giveUp(error, first.write);
        }
      }
    }
    this.#isSending = false;
  }

  #pause(failures: number): Promise<void> {
    const longest = Math.min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** failures);
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, longest * (0.5 + Math.random() / 2));
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  /** Gives up all queued writes. */
  close(): void {
    this.#isClosed = true;
    for (const { write } of this.#waiting.splice(0)) {
      this.#giveUp(this.lastError, write);
    }
    this.#wake?.();
  }

  #giveUp(error: unknown, write: UnsentWrite): void {
    this.unsent++;
    try {
      this.#report(error, write);
    } catch (failure) {
      console.warn("isocache: onUnsentWrite failed", failure);
    }
  }
}

/** Whether the write may succeed later: not if the error is the caller's mistake, or a refusal. */
function isPassing(error: unknown): boolean {
  const { retryable } = (error ?? {}) as { retryable?: unknown };
  return typeof retryable === "boolean" ? retryable : !(error instanceof TypeError || error instanceof RangeError);
}
