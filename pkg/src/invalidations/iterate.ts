/** Announcements as an asynchronous iterator. */

import type { Invalidation, InvalidationSource, InvalidationSubscription } from "./types.js";

/** The maximum number of announcements that wait for a reader. A slower one must drop everything. */
const MOST = 10_000;

export class Events implements AsyncIterator<Invalidation, undefined> {
  readonly #waiting: Invalidation[] = [];
  readonly #readers: ((result: IteratorResult<Invalidation, undefined>) => void)[] = [];
  readonly #subscription: InvalidationSubscription;
  #timer: ReturnType<typeof setInterval> | undefined;
  #isOver = false;

  /** `interval`: how often a polling source polls, in milliseconds. */
  constructor(source: InvalidationSource, interval: number | undefined) {
    this.#subscription = source.listen((event) => this.#take(event));
    const { check } = this.#subscription;
    if (check !== undefined && interval !== undefined) {
      const ask = () => check.call(this.#subscription);
      this.#timer = setInterval(ask, interval);
      ask();
    }
  }

  next(): Promise<IteratorResult<Invalidation, undefined>> {
    const value = this.#waiting.shift();
    if (value !== undefined) {
      return Promise.resolve({ done: false, value });
    }
    if (this.#isOver) {
      return Promise.resolve({ done: true, value: undefined });
    }
    return new Promise((resolve) => this.#readers.push(resolve));
  }

  return(): Promise<IteratorResult<Invalidation, undefined>> {
    this.#isOver = true;
    this.#waiting.length = 0;
    this.#subscription.close();
    clearInterval(this.#timer);
    for (const resolve of this.#readers.splice(0)) {
      resolve({ done: true, value: undefined });
    }
    return Promise.resolve({ done: true, value: undefined });
  }

  #take(event: Invalidation): void {
    const reader = this.#readers.shift();
    if (reader !== undefined) {
      reader({ done: false, value: event });
      return;
    }
    this.#waiting.push(event);
    if (this.#waiting.length > MOST && event.type !== "lost") {
      this.#waiting.length = 0;
      this.#waiting.push({ type: "reset", position: event.position, age: event.age });
    }
  }
}
