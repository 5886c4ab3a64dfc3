/** Waits for a flight, as one of its callers. */

import type { AbortSignalLike } from "../http/types.js";
import { onAbort } from "./abort.js";
import type { Call } from "./call.js";
import { ELSEWHERE } from "./lease.js";
import { countStale } from "./lookup.js";
import { MAX_TIMER, tooLate } from "./run.js";
import type { Flight } from "./single-flight.js";

/** The inputs of a wait, besides the flight. */
interface Waiting<V> {
  /** When the call began, in the time of its `SingleFlight`. */
  began: number;
  /** Starts a flight of its own. */
  begin: () => Flight;
  /** The value that the caller returns if the load fails. */
  fallback: V | undefined;
  /** Starts the call again. */
  again: () => Promise<V>;
}

/** Whether a flight had its value before a call began. */
export function isTooOld({ read }: Flight, began: number): boolean {
  return read !== undefined && read <= began;
}

/** The outcome of a flight, for a call without a signal or limit of its own: one promise for all. */
export function share<V>(flight: Flight): Promise<V> {
  flight.callers++;
  // Not the outcome itself, whose rejections count as handled: a rejection that no caller handles must be reported.
  flight.shared ??= flight.outcome.then((value) => value);
  return flight.shared as Promise<V>;
}

/** The outcome of a flight for a call. */
export function wait<V>(call: Call<V>, flight: Flight, waiting: Waiting<V>): Promise<V> {
  const { settings } = call;
  if (
    waiting.fallback === undefined &&
    !flight.leased &&
    !isTooOld(flight, waiting.began) &&
    settings.timeout === flight.timeout &&
    settings.given.signal === undefined
  ) {
    return share<V>(flight);
  }
  return waitAlone(call, flight, waiting);
}

async function waitAlone<V>(call: Call<V>, first: Flight, { began, begin, fallback, again }: Waiting<V>): Promise<V> {
  const { flights, key, settings } = call;
  const { timeout } = settings;
  const { signal } = settings.given;
  let flight = first;
  flight.callers++;
  let late: unknown;
  const own = new Limit(signal);
  // The flight's own limit does not end a wait for the flight to end.
  if ((timeout !== flight.timeout || isTooOld(flight, began)) && timeout !== Infinity) {
    own.start(timeout, () => {
      late = tooLate(key, timeout);
      return late;
    });
  }
  try {
    for (;;) {
      try {
        const value = isTooOld(flight, began) ? ELSEWHERE : ((await own.race(flight.outcome)) as V | typeof ELSEWHERE);
        if (value !== ELSEWHERE && !isTooOld(flight, began)) {
          return value;
        }
        await own.race(flights.ended(flight));
        return await own.race(again());
      } catch (error) {
        if (own.isOver) {
          giveUp(call, flight, error);
          if (error !== late) {
            throw error;
          }
          if (flight.loaded !== undefined && flight.loaded.value !== ELSEWHERE && !isTooOld(flight, began)) {
            // The value is loaded, and is just being stored.
            return flight.loaded.value as V;
          }
        } else if (error === flight.late && flight.late !== undefined && timeout > flight.timeout) {
          // The limit belongs to the caller that started the flight, not to this one.
          flight = flights.get(key) ?? begin();
          flight.callers++;
          continue;
        }
        if (fallback === undefined || (flight.mistake !== undefined && error === flight.mistake)) {
          throw error;
        }
        countStale(call);
        return fallback;
      }
    }
  } finally {
    own.end();
  }
}

/**
 * Leaves a flight. When its last caller leaves, the loader's signal is aborted, unless the load continues anyway or the
 * value is already being stored.
 */
function giveUp<V>({ flights }: Call<V>, flight: Flight, reason: unknown): void {
  if (--flight.callers === 0 && !flight.storing && !flight.kept) {
    flights.overtake(flight);
    flight.controller.abort(reason);
  }
}

/** Ends a wait by a signal or a timer. */
class Limit {
  /** Whether the signal or the timer has ended the wait. */
  isOver = false;
  #reject: (reason: unknown) => void = () => undefined;
  readonly #over: Promise<never>;
  #timer: ReturnType<typeof setTimeout> | undefined;
  readonly #endListening: (() => void) | undefined;

  constructor(signal: AbortSignalLike | undefined) {
    this.#over = new Promise((_, reject) => {
      this.#reject = reject;
    });
    this.#over.catch(() => undefined);
    if (signal !== undefined) {
      this.#endListening = onAbort(signal, () => this.#end(signal.reason));
      // The signal may already be aborted.
      if (signal.aborted) {
        this.#end(signal.reason);
      }
    }
  }

  start(milliseconds: number, reason: () => unknown): void {
    this.#timer = setTimeout(() => this.#end(reason()), Math.min(milliseconds, MAX_TIMER));
  }

  race<T>(work: Promise<T>): Promise<T> {
    return Promise.race([this.#over, work]);
  }

  end(): void {
    clearTimeout(this.#timer);
    this.#endListening?.();
  }

  #end(reason: unknown): void {
    this.isOver = true;
    this.#reject(reason);
  }
}

/** The result of `work`; rejects with the signal's reason if it is aborted first. */
export async function unlessAborted<T>(work: T | Promise<T>, signal: AbortSignalLike): Promise<T> {
  const limit = new Limit(signal);
  try {
    return await limit.race(Promise.resolve(work));
  } finally {
    limit.end();
  }
}
