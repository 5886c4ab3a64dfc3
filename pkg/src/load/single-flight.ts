/**
 * The loads in progress over one provider, by key. The rules are those of the Rust crate's `src/load`:
 *
 * 1. A write that begins while a loader runs overtakes its flight: waiting callers still get the loaded value, but it is not
 *    stored, and later callers start another flight.
 * 2. A write that begins while the value is being stored waits until it is stored, and then overwrites it.
 * 3. A call never gets a value that was read before it began: it may have been overwritten in the store since. A call
 *    that begins while the value is being stored waits until it is stored, and then looks again.
 */

import { matching } from "../glob.js";
import { claim, shared } from "../shared.js";

/** The keys of a write: a list, or all that match a pattern. */
export type Touched = readonly string[] | { pattern: string };

/** One load in progress. */
export interface Flight {
  readonly key: string;
  /** The time limit of the loader, in milliseconds. */
  readonly timeout: number;
  /** Whether the load continues when no caller waits for it. */
  readonly kept: boolean;
  /** Whether a lease decides which process loads. */
  readonly leased: boolean;
  /** The state of the store when the flight began: no entry at all, no fresh entry, or any. */
  readonly found: "nothing" | "nothing fresh" | "anything";
  /** Settles when the value is loaded and stored. Its rejections count as handled. */
  outcome: Promise<unknown>;
  /** `outcome` for callers without a signal or a limit of their own. Its rejections do not count as handled. */
  shared: Promise<unknown> | undefined;
  /** The value, as soon as it is loaded. Callers whose time limit passes while it is being stored get it. */
  loaded: { readonly value: unknown } | undefined;
  /**
   * When the value was read, in the time of the `SingleFlight`; `undefined` before. Only calls that began earlier get
   * it.
   */
  read: number | undefined;
  /** The error of a loader that reached its time limit, and an error that is the caller's mistake. */
  late: unknown;
  mistake: unknown;
  /** Whether a write has begun since the flight began. */
  overtaken: boolean;
  /** Whether the value is being stored, and a promise for the end of storing, which never rejects. */
  isStoring: boolean;
  storing: Promise<void> | undefined;
  /** The timer of the limit. */
  timer: ReturnType<typeof setTimeout> | undefined;
  /** The number of waiting callers. */
  callers: number;
  /** Calls that wait for the flight to end, but not for its value. */
  ending: (() => void)[] | undefined;
  readonly controller: AbortController;
}

/** A lookup in progress. */
interface Lookup {
  readonly key: string;
  /** Whether the key was written during the lookup. */
  overtaken: boolean;
}

export class SingleFlight {
  /** The warnings so far, for calls without a function. */
  readonly warned = new Set<string>();
  /** A counter that serves as a clock: it tells whether a flight read its value before a call began. */
  time = 0;
  readonly #byKey = new Map<string, Flight>();
  readonly #lookups = new Set<Lookup>();

  /** Whether a write has anything to overtake or to wait for. */
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
      read: undefined,
      late: undefined,
      mistake: undefined,
      overtaken: false,
      isStoring: false,
      storing: undefined,
      timer: undefined,
      callers: 0,
      ending: undefined,
      controller: new AbortController(),
    };
    this.#byKey.set(key, flight);
    return flight;
  }

  /** Ends a flight, whether or not its value was stored. */
  end(flight: Flight): void {
    if (this.#byKey.get(flight.key) === flight) {
      this.#byKey.delete(flight.key);
    }
    for (const resolve of flight.ending ?? []) {
      resolve();
    }
    flight.ending = undefined;
  }

  /** Resolves when a flight has ended. */
  async ended(flight: Flight): Promise<void> {
    if (this.#byKey.get(flight.key) === flight) {
      await new Promise<void>((resolve) => {
        flight.ending ??= [];
        flight.ending.push(resolve);
      });
    }
  }

  /** The time of a read that happens now: later than the beginning of every call so far. */
  reads(): number {
    return ++this.time;
  }

  /** Makes later callers start another flight. The value of this one is not stored. */
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
      // Overtakes flights that began during the write. One that is already storing has a value as new as the write.
      this.#fence(touched);
    }
  }

  /** Marks the lookups in progress as overtaken by a write. */
  overtakeLookups(touched: Touched): void {
    for (const lookup of this.#lookups) {
      lookup.overtaken ||= among(touched, [[lookup.key, lookup]]).length > 0;
    }
  }

  /** Overtakes the flights whose loader is running, and returns promises for the ends of those that are storing. */
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

/** Makes two providers of the same entries share their flights, so that writes through one overtake loads through the other. */
export function shareSingleFlight(provider: object, other: object): void {
  known().set(provider, singleFlightOf(other));
}

/**
 * The loads in progress over a provider: the same for all caches over it, even those of another copy of the package.
 */
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
