/** Follows a log of changes through its stream of events, and reconnects whenever the stream breaks or is silent. */

import type { ChangeLog, EventStream } from "./bridge-log.js";
import { LogError } from "./bridge-log.js";
import type { ServerEvent } from "./events.js";
import type { Origin } from "./origin.js";
import type { Invalidation, InvalidationListener, InvalidationSubscription } from "./types.js";

/** Timers and the time, in milliseconds. */
export interface Timing {
  now(): number;
  setTimeout(act: () => void, milliseconds: number): unknown;
  clearTimeout(timer: never): void;
}

/** The first and the longest pause before the next attempt to connect, in milliseconds; and after a refusal. */
const FIRST_PAUSE = 100;
const LONGEST_PAUSE = 5000;
const PAUSE_AFTER_REFUSAL = 30_000;
/** The number of heartbeats that may be missing. */
const SILENT_HEARTBEATS = 2;

/** The connection was given up. */
class GivenUp extends Error {}

export class StreamSubscription implements InvalidationSubscription {
  readonly #log: ChangeLog;
  readonly #origin: Origin | undefined;
  readonly #listener: InvalidationListener;
  readonly #timing: Timing;
  /** The time limit for a stream to begin, in milliseconds. */
  readonly #limit: number;
  /** The position up to which everything has been announced. */
  #since: string | undefined;
  #validFor = 0;
  #controller: AbortController | undefined;
  #isClosed = false;
  #giveUp: (() => void) | undefined;
  #failures = 0;

  constructor(
    log: ChangeLog,
    origin: Origin | undefined,
    listener: InvalidationListener,
    timing: Timing,
    { limit, since }: { readonly limit: number; readonly since?: string | undefined },
  ) {
    this.#log = log;
    this.#origin = origin;
    this.#listener = listener;
    this.#timing = timing;
    this.#limit = limit;
    this.#since = since;
    this.#run();
  }

  close(): void {
    this.#isClosed = true;
    this.#giveUp?.();
    this.#controller?.abort();
  }

  async #run(): Promise<void> {
    while (!this.#isClosed) {
      let cause: unknown;
      try {
        this.#controller = new AbortController();
        await this.#follow(this.#controller);
      } catch (error) {
        cause = error;
      }
      this.#controller?.abort();
      if (!this.#isClosed) {
        const { error = cause, after } = cause instanceof LogError ? cause : {};
        this.#listener({ type: "lost", error });
        await this.#pause(after ?? this.#nextPause(error));
      }
    }
  }

  /** Follows one stream until it ends. */
  async #follow(controller: AbortController): Promise<void> {
    const since = this.#since;
    const stream = await this.#within(this.#limit, this.#log.open(since, controller));
    let limit = this.#limit;
    for (;;) {
      const began = this.#timing.now();
      const events = await this.#within(limit, stream.read());
      if (events === undefined || this.#isClosed) {
        return;
      }
      if (this.#timing.now() - began > limit) {
        // This client has slept. The events that piled up do not show the current state.
        throw new GivenUp("nothing was read for too long");
      }
      for (const event of events) {
        this.#take(event, stream, since);
      }
      limit = this.#validFor || limit;
    }
  }

  #take({ id: position, name, data }: ServerEvent, stream: EventStream, since: string | undefined): void {
    const age = 0;
    let event: Invalidation;
    if (name === "hello") {
      this.#failures = 0;
      this.#validFor = SILENT_HEARTBEATS * Number(data.heartbeat);
      const resumed = since !== undefined && position === since;
      event = { type: "hello", position, resumed, validFor: this.#validFor, age };
    } else if (name === "invalidate" && data.all === true) {
      event = { type: "all", position, age };
    } else if (name === "invalidate") {
      const isOwn = stream.origin !== undefined && stream.origin === this.#origin?.id;
      const own = isOwn ? ((data.own ?? []) as string[]) : [];
      event = { type: "keys", keys: (data.keys ?? []) as string[], own, position, age };
    } else if (name === "reset" || name === "heartbeat") {
      event = { type: name, position, age };
    } else {
      return;
    }
    this.#since = position;
    this.#listener(event);
  }

  /** The outcome of a promise, or an error after a time in milliseconds or when this is closed. */
  #within<T>(limit: number, promise: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const giveUp = () => {
        this.#giveUp = undefined;
        this.#timing.clearTimeout(timer);
        reject(new GivenUp("nothing came in time"));
      };
      const timer = this.#timing.setTimeout(giveUp, limit) as never;
      this.#giveUp = giveUp;
      const settled = <A>(act: (outcome: A) => void) => {
        return (outcome: A) => {
          this.#timing.clearTimeout(timer);
          act(outcome);
        };
      };
      promise.then(settled(resolve), settled(reject));
    });
  }

  /** Random, so that clients do not return together. */
  #nextPause(error: unknown): number {
    const isRefused = (error as { code?: unknown } | undefined)?.code === "refused";
    const longest = isRefused ? PAUSE_AFTER_REFUSAL : Math.min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** this.#failures++);
    return longest * Math.random();
  }

  async #pause(milliseconds: number): Promise<void> {
    await this.#within(milliseconds, new Promise<never>(() => undefined)).catch(() => undefined);
  }
}
