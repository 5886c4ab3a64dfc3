/**
 * The loads in progress of one provider, by key. The rules are those of the Rust crate's `src/load/machine.rs`:
 *
 * 1. A write that comes while a loader runs detaches its flight: who waits still gets what it brings, but it is not stored,
 *    and whoever asks from now on begins another.
 * 2. A write that comes while the value is being stored waits until it is, and then has the last word.
 */

import { matching } from "../pattern.js";

/** Which keys a write is about: some, or all that match a pattern. */
export type Touched = readonly string[] | { pattern: string };

/** One load in progress. */
export interface Flight {
  readonly key: string;
  /** What it brings to who waits. */
  outcome: Promise<unknown>;
  detached: boolean;
  /** Ends when the value is stored; there while it is being stored. It never rejects. */
  storing: Promise<void> | undefined;
  /** Callers that wait. Without any, the loader is told to stop. */
  callers: number;
  readonly controller: AbortController;
}

/** A look into the provider that takes its time. */
export interface Look {
  readonly key: string;
  /** Whether the key was written meanwhile. */
  overtaken: boolean;
}

export class SingleFlight {
  readonly #byKey = new Map<string, Flight>();
  readonly #looks = new Set<Look>();

  /** Whether there is anything that a write must know of. */
  get busy(): boolean {
    return this.#byKey.size > 0 || this.#looks.size > 0;
  }

  get(key: string): Flight | undefined {
    return this.#byKey.get(key);
  }

  begin(key: string): Flight {
    const controller = new AbortController();
    const flight = { key, outcome: Promise.resolve(), detached: false, storing: undefined, callers: 0, controller };
    this.#byKey.set(key, flight);
    return flight;
  }

  /** Ends a flight, stored or not. */
  end(flight: Flight): void {
    if (this.#byKey.get(flight.key) === flight) {
      this.#byKey.delete(flight.key);
    }
  }

  /** Whoever asks from now on begins another flight. */
  detach(flight: Flight): void {
    flight.detached = true;
    this.end(flight);
  }

  /** Says that somebody looks into the provider. */
  watch(key: string): Look {
    const look = { key, overtaken: false };
    this.#looks.add(look);
    return look;
  }

  unwatch(look: Look): void {
    this.#looks.delete(look);
  }

  /** Runs a write, which wins over the loads in progress of its keys. */
  async write<R>(touched: Touched, act: () => R | Promise<R>): Promise<R> {
    for (let storing = this.#fence(touched); storing.length > 0; storing = this.#fence(touched)) {
      await Promise.all(storing);
    }
    try {
      return await act();
    } finally {
      // SingleFlight that began since then; one that is storing by now brings what is as new as the write.
      this.#fence(touched);
    }
  }

  /** Tells those who are looking that what they find may be old. */
  overtake(touched: Touched): void {
    for (const look of this.#looks) {
      look.overtaken ||= among(touched, [[look.key, look]]).length > 0;
    }
  }

  /** Detaches flights that load, and returns the ends of those that store. */
  #fence(touched: Touched): Promise<void>[] {
    this.overtake(touched);
    const storing: Promise<void>[] = [];
    for (const [, flight] of among(touched, this.#byKey)) {
      if (flight.storing) {
        storing.push(flight.storing);
      } else {
        this.detach(flight);
      }
    }
    return storing;
  }
}

function among<E>(touched: Touched, entries: Iterable<[string, E]>): [string, E][] {
  return "pattern" in touched
    ? matching(touched.pattern, entries)
    : [...entries].filter(([key]) => touched.includes(key));
}

/** Lets loads through one provider and writes through the other know of each other: they keep the same entries. */
export function shareSingleFlight(provider: object, other: object): void {
  known.set(provider, singleFlightOf(other));
}

const known = new WeakMap<object, SingleFlight>();

/** The flights of a provider: the same for all caches over it. */
export function singleFlightOf(provider: object): SingleFlight {
  let flights = known.get(provider);
  if (flights === undefined) {
    flights = new SingleFlight();
    known.set(provider, flights);
  }
  return flights;
}
