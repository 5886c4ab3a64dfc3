/** Polls for changed keys, where no stream can be held. */

import type { ChangeLog } from "./bridge-log.js";
import { LogError } from "./bridge-log.js";
import { positionOf } from "./position.js";
import type { InvalidationListener, InvalidationSubscription } from "./types.js";

/** The minimum part of the interval between two polls that nobody waits for. */
const PART = 0.1;
/** The maximum time without polls after a poll has failed, in milliseconds. */
const PAUSE = 1000;

export class PollingSubscription implements InvalidationSubscription {
  readonly #log: ChangeLog;
  readonly #listener: InvalidationListener;
  /** In milliseconds. */
  readonly #interval: number;
  readonly #now: () => number;
  readonly #stop: () => void;
  #since: string | undefined;
  #polling: Promise<void> | undefined;
  #polledAt = Number.NEGATIVE_INFINITY;
  #failedAt = Number.NEGATIVE_INFINITY;
  #isClosed = false;

  /** `positions` calls its argument with the positions of ordinary responses, until the returned function is called. */
  constructor(
    log: ChangeLog,
    listener: InvalidationListener,
    interval: number,
    now: () => number,
    positions: (saw: (position: string) => void) => () => void,
  ) {
    this.#log = log;
    this.#listener = listener;
    this.#interval = interval;
    this.#now = now;
    this.#stop = positions((position) => this.#saw(position));
  }

  /** Polls for missed changes, once for all waiting callers. */
  check(): Promise<void> {
    if (this.#polling !== undefined) {
      // A poll that began in another request of an edge worker may never end.
      const isOver = this.#now() - this.#polledAt > this.#interval;
      if (!isOver) {
        return this.#polling;
      }
    }
    if (this.#isClosed || this.#now() - this.#failedAt < Math.min(this.#interval, PAUSE)) {
      return Promise.resolve();
    }
    const polling: Promise<void> = this.#poll().finally(() => {
      if (this.#polling === polling) {
        this.#polling = undefined;
      }
    });
    this.#polling = polling;
    return polling;
  }

  close(): void {
    this.#isClosed = true;
    this.#stop();
  }

  async #poll(): Promise<void> {
    const since = this.#since;
    const began = this.#now();
    this.#polledAt = began;
    try {
      const { position, reset, keys, own } = await this.#log.missed(since);
      if (this.#isClosed || since !== this.#since) {
        // Another poll was faster.
        return;
      }
      // Counts from when the request was sent: later changes may be unknown.
      const age = this.#now() - began;
      const resumed = since !== undefined && !reset;
      const validFor = this.#interval;
      this.#since = position;
      this.#failedAt = Number.NEGATIVE_INFINITY;
      this.#listener({ type: "hello", position: resumed ? since : position, resumed, validFor, age });
      if (resumed) {
        this.#listener({ type: "keys", keys, own, position, age });
      }
    } catch (cause) {
      this.#failedAt = this.#now();
      if (!this.#isClosed) {
        this.#listener({ type: "lost", error: cause instanceof LogError ? cause.error : cause });
      }
    }
  }

  /** Called with the position of an ordinary response. */
  #saw(text: string): void {
    const [known, seen] = [positionOf(this.#since), positionOf(text)];
    if (known === undefined || seen === undefined) {
      return;
    }
    if (seen.epoch !== known.epoch) {
      // The next read polls first.
      this.#failedAt = Number.NEGATIVE_INFINITY;
      this.#listener({ type: "lost", error: undefined });
    } else if (seen.sequence > known.sequence && this.#now() - this.#polledAt > this.#interval * PART) {
      this.check();
    }
  }
}
