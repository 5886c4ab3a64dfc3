/**
 * The loads in progress over one provider, by key. The rules are those of the Rust crate's `src/load`:
 *
 * 1. A write that comes while a loader runs overtakes its flight: the callers that wait still get the loaded value, but it is
 *    not stored, and later callers begin another flight.
 * 2. A write that comes while the value is being stored waits until it is stored, and then has the last word.
 */

import { matching } from "../pattern.js";
import { claim, shared } from "../shared.js";

/** The keys that a write concerns: some, or all that match a pattern. */
export type Touched = readonly string[] | { pattern: string };

/** One load in progress. */
export interface Flight {
  readonly key: string;
  /** The limit of the loader, in milliseconds. */
  readonly timeout: number;
  /** Whether the load goes on when nobody waits for it. */
  readonly kept: boolean;
  /** Whether a lease decides which process loads. */
  readonly leased: boolean;
  /** What the store held when the flight began: not even a stale entry, no fresh entry, or anything. */
  readonly found: "nothing" | "nothing fresh" | "anything";
  /** Settles when the value is loaded and stored. Its rejections count as handled. */
  outcome: Promise<unknown>;
  /** `outcome` for callers without a signal or limit of their own. Its rejections do not count as handled. */
  shared: Promise<unknown> | undefined;
  /** The loaded value, once it is there: what callers get whose limit comes while it is being stored. */
  loaded: { readonly value: unknown } | undefined;
  /** The error of a loader that has reached its limit, and an error that is the caller's mistake. */
  late: unknown;
  mistake: unknown;
  /** Whether a write has come since the flight began. */
  overtaken: boolean;
  /** Whether the value is being stored, and the promise of its end, which never rejects. */
  isStoring: boolean;
  storing: Promise<void> | undefined;
  /** The timer of the limit. */
  timer: ReturnType<typeof setTimeout> | undefined;
  /** The number of callers that wait. */
  callers: number;
  readonly controller: AbortController;
}

/** A lookup in the provider that is on its way. */
interface Lookup {
  readonly key: string;
  /** Whether the key was written meanwhile. */
  overtaken: boolean;
}

export class SingleFlight {
  /** The warnings that were given, for calls without a function. */
  readonly warned = new Set<string>();
  readonly #byKey = new Map<string, Flight>();
  readonly #lookups = new Set<Lookup>();

  /** Whether there is anything that a write must know of. */
  get busy(): boolean {
    return this.#byKey.size > 0 || this.#lookups.size > 0;
  }

  get(key: string): Flight | undefined {
    return this.#byKey.get(key);
  }

  begin(key: string, how: Pick<Flight, "timeout" | "kept" | "leased" | "found">): Flight {
    const flight: Flight = {
      key,
      ...how,
      outcome: Promise.resolve(),
      shared: undefined,
      loaded: undefined,
      late: undefined,
      mistake: undefined,
      overtaken: false,
      isStoring: false,
      storing: undefined,
      timer: undefined,
      callers: 0,
      controller: new AbortController(),
    };
    this.#byKey.set(key, flight);
    return flight;
  }

  /** Ends a flight, stored or not. */
  end(flight: Flight): void {
    if (this.#byKey.get(flight.key) === flight) {
      this.#byKey.delete(flight.key);
    }
  }

  /** From now on callers begin another flight, and what this one loads is not stored. */
  overtake(flight: Flight): void {
    flight.overtaken = true;
    this.end(flight);
  }

  /** Registers a lookup. */
  watch(key: string): Lookup {
    const lookup = { key, overtaken: false };
    this.#lookups.add(lookup);
    return lookup;
  }

  unwatch(lookup: Lookup): void {
    this.#lookups.delete(lookup);
  }

  /** Runs a write, which wins over the loads in progress of its keys. */
  async write<R>(touched: Touched, act: () => R | Promise<R>): Promise<R> {
    for (let storing = this.#fence(touched); storing.length > 0; storing = this.#fence(touched)) {
      await Promise.all(storing);
    }
    try {
      return await act();
    } finally {
      // Flights that began meanwhile; one that is being stored by now is as new as the write.
      this.#fence(touched);
    }
  }

  /** Marks the lookups on their way as overtaken by a write. */
  overtakeLookups(touched: Touched): void {
    for (const lookup of this.#lookups) {
      lookup.overtaken ||= among(touched, [[lookup.key, lookup]]).length > 0;
    }
  }

  /** Overtakes the flights whose loader runs, and returns the ends of those whose value is being stored. */
  #fence(touched: Touched): Promise<void>[] {
    this.overtakeLookups(touched);
    const storing: Promise<void>[] = [];
    for (const [, flight] of among(touched, this.#byKey)) {
      if (flight.storing) {
        storing.push(flight.storing);
      } else {
        this.overtake(flight);
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

/** Lets loads through one provider and writes through the other know of each other, since they keep the same entries. */
export function shareSingleFlight(provider: object, other: object): void {
  known().set(provider, singleFlightOf(other));
}

/** The loads in progress over a provider: the same for all caches over it, also for those of another copy of the package. */
export function singleFlightOf(provider: object): SingleFlight {
  let flights = known().get(provider);
  if (flights === undefined) {
    claim(provider);
    flights = new SingleFlight();
    known().set(provider, flights);
  }
  return flights;
}

const known = () => shared("single-flight", () => new WeakMap<object, SingleFlight>());
