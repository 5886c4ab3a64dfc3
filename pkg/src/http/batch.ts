/** Operations issued in one tick. They share a time limit. */

import { timedOut } from "./errors.js";
import type { Command, Reply } from "./reply.js";
import type { Ending } from "./transport.js";
import type { AbortSignalLike } from "./types.js";

/** The commands of an operation, and how they may be sent. */
export interface Work {
  readonly commands: readonly Command[];
  /** Its commands are one transaction. */
  readonly atomic?: boolean;
  /** It is not idempotent. */
  readonly once?: boolean;
  /** It cannot be sent with others. */
  readonly alone?: boolean;
}

/** An operation that is being sent. Its promise is settled once; later outcomes are ignored. */
export class Operation {
  readonly work: Work;
  /** The approximate number of bytes on the wire. */
  readonly size: number;
  readonly replies: Promise<readonly Reply[]>;
  isSettled = false;
  readonly #batch: Batch;
  #resolve: (replies: readonly Reply[]) => void = () => undefined;
  #reject: (error: unknown) => void = () => undefined;
  #forget: (() => void) | undefined;

  constructor(work: Work, batch: Batch, signal: AbortSignalLike | undefined) {
    this.work = work;
    this.size = sizeOf(work.commands);
    this.#batch = batch;
    this.replies = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    if (signal !== undefined) {
      const abort = () => this.fail(signal.reason);
      signal.addEventListener("abort", abort);
      this.#forget = () => signal.removeEventListener("abort", abort);
    }
  }

  succeed(replies: readonly Reply[]): void {
    if (this.#settle()) {
      this.#resolve(replies);
    }
  }

  fail(error: unknown): void {
    if (this.#settle()) {
      this.#reject(error);
    }
  }

  #settle(): boolean {
    if (this.isSettled) {
      return false;
    }
    this.isSettled = true;
    this.#forget?.();
    this.#batch.settled();
    return true;
  }
}

/** Thrown in a wait when all operations have their outcome or the time is over. */
export class Ended extends Error {
  /** The time is over; otherwise all operations have their outcome. */
  readonly isLate: boolean;

  constructor(isLate: boolean) {
    super("ended");
    this.isLate = isLate;
  }
}

/** Operations issued in one tick, in order. */
export class Batch implements Ending {
  readonly operations: Operation[] = [];
  /** Whether a new token has been requested, which happens once. */
  hasRenewed = false;
  readonly #deadline: number;
  readonly #clock: () => number;
  readonly #timer: ReturnType<typeof setTimeout>;
  #open = 0;
  #outcome: "late" | "settled" | undefined;
  /** The pending waits within this batch. */
  readonly #waiting = new Set<(ended: Ended) => void>();

  constructor(timeout: number, clock: () => number, server: string) {
    this.#clock = clock;
    this.#deadline = clock() + timeout;
    this.#timer = setTimeout(() => {
      this.#end(true);
      for (const operation of this.operations) {
        operation.fail(timedOut(server, timeout));
      }
    }, timeout);
  }

  add(work: Work, signal: AbortSignalLike | undefined): Operation {
    const operation = new Operation(work, this, signal);
    this.operations.push(operation);
    this.#open++;
    return operation;
  }

  /** Milliseconds until the time is over. */
  get left(): number {
    return this.#deadline - this.#clock();
  }

  /** Called when one of the operations has its outcome. After the last one, requests in progress are aborted. */
  settled(): void {
    if (--this.#open === 0) {
      clearTimeout(this.#timer);
      this.#end(false);
    }
  }

  get isOver(): boolean {
    return this.#outcome !== undefined;
  }

  whenEnded(act: () => void): () => void {
    this.#waiting.add(act);
    return () => this.#waiting.delete(act);
  }

  /** Throws `Ended` if the batch has ended. A request must not be sent then, because nothing would abort it. */
  check(): void {
    if (this.#outcome !== undefined) {
      throw new Ended(this.#outcome === "late");
    }
  }

  /** Settles as `promise` does, or rejects with `Ended` when the batch ends first. */
  within<T>(promise: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const left = <A>(settle: (outcome: A) => void) => {
        return (outcome: A) => {
          this.#waiting.delete(reject);
          settle(outcome);
        };
      };
      promise.then(left(resolve), left(reject));
      if (this.#outcome !== undefined) {
        reject(new Ended(this.#outcome === "late"));
      } else {
        this.#waiting.add(reject);
      }
    });
  }

  /** Waits, unless the batch ends. */
  async pause(ms: number): Promise<void> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    try {
      await this.within(
        new Promise<void>((resolve) => {
          timer = setTimeout(resolve, ms);
        }),
      );
    } finally {
      clearTimeout(timer);
    }
  }

  #end(isLate: boolean): void {
    if (this.#outcome !== undefined) {
      return;
    }
    this.#outcome = isLate ? "late" : "settled";
    // The error is created only if something waits: most batches end with nothing in progress.
    if (this.#waiting.size > 0) {
      const ended = new Ended(isLate);
      for (const end of this.#waiting) {
        end(ended);
      }
      this.#waiting.clear();
    }
  }
}

/** The approximate size as JSON, for plain ASCII: includes quotes and commas. */
function sizeOf(commands: readonly Command[]): number {
  let size = 0;
  for (const command of commands) {
    size += 3;
    for (const argument of command) {
      size += argument.length + 3;
    }
  }
  return size;
}
