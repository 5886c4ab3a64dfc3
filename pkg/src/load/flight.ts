/** One flight: the lease, the tags, the loader, and the store. */

import type { Generations } from "../generations.js";
import { isPromise } from "../promise.js";
import { optionsFor, type WriteOptions } from "../write-options.js";
import type { Call } from "./call.js";
import { ELSEWHERE, type Holding, takeTurn } from "./lease.js";
import { isLoaded } from "./loaded.js";
import { failed } from "./lookup.js";
import { isMistake } from "./mistakes.js";
import { MAX_TIMER, run, tooLate } from "./run.js";
import { DEFAULT_TIMEOUT } from "./settings.js";
import type { Flight } from "./single-flight.js";
import { countMiss, warnOfMistake } from "./warnings.js";

/** How a flight starts. */
interface Start<V> {
  /** Whether no caller waits for it. */
  background: boolean;
  /** The value that it replaces, if the loader can use it. */
  old: V | undefined;
  /** Whether the value is not stored, since the provider has just failed. */
  noStore?: boolean | undefined;
  /** Whether the store held no value for the caller. */
  isMiss?: boolean;
  /** How long the value that callers got stays fresh, in milliseconds. */
  servedFreshFor?: number;
}

/** The value of a flight, and how it is stored. */
interface Brought<V> {
  value: V | typeof ELSEWHERE;
  store?: WriteOptions | undefined;
}

/** Starts a flight. */
export function fly<V>(call: Call<V>, start: Start<V>): Flight {
  const { flights, key, settings } = call;
  const { detached = false, waitUntil, forceFresh } = settings.given;
  const flight = flights.begin(key, {
    timeout: detached ? Math.max(settings.timeout, DEFAULT_TIMEOUT) : settings.timeout,
    kept: start.background || detached,
    leased: settings.lease !== undefined,
    found: !start.isMiss || start.noStore || forceFresh ? "anything" : settings.aging ? "nothing" : "nothing fresh",
  });
  if (!start.background && !forceFresh) {
    countMiss(call);
  }
  if (flight.timeout !== Infinity) {
    flight.timer = setTimeout(
      () => {
        flight.late = tooLate(key, flight.timeout);
        flight.controller.abort(flight.late);
      },
      Math.min(flight.timeout, MAX_TIMER),
    );
  }
  const holding: Holding = {};
  const bringing = bring(call, flight, start, holding);
  const whole = finish(call, flight, bringing, holding);
  if (waitUntil) {
    flight.outcome = bringing.then(({ value }) => value);
    waitUntil(whole.catch(() => undefined));
  } else {
    flight.outcome = whole;
  }
  flight.outcome.catch(() => undefined);
  if (start.background || waitUntil) {
    whole.catch((error) => {
      if (error === flight.mistake) {
        warnOfMistake(call, error);
      }
    });
  }
  return flight;
}

/** Loads a value, unless another process does. */
async function bring<V>(call: Call<V>, flight: Flight, start: Start<V>, holding: Holding): Promise<Brought<V>> {
  const { settings } = call;
  const { shouldCache, forceFresh } = settings.given;
  let { old, noStore } = start;
  if (settings.lease !== undefined && !forceFresh && !noStore) {
    const known = { fallback: old, servedFreshFor: start.servedFreshFor };
    const turn = await takeTurn(call, flight.controller, known, holding);
    if (turn.elsewhere) {
      return { value: ELSEWHERE };
    }
    if (turn.found !== undefined) {
      settings.monitor.coalesced += start.background ? 0 : 1;
      flight.read = turn.read;
      return { value: turn.found };
    }
    old = turn.fallback;
    noStore = turn.noStore;
  }
  // Read before the value is loaded: if one of them is incremented during the load, the entry counts as absent.
  const tags = call.tags && (await generations(call, flight, call.tags));
  const loaded = await run(call, flight, start.background, old);
  flight.read = call.flights.reads();
  const { value, options = {} } = isLoaded(loaded) ? loaded : { value: loaded };
  const isStored = value !== undefined && !noStore && !options.noStore && !flight.overtaken;
  if (!isStored || (call.tags && !tags)) {
    return { value };
  }
  const store = mistaken(flight, () =>
    (shouldCache?.(value) ?? true) ? settings.storing(value, options.ttl, call.ttl, tags) : undefined,
  );
  return { value, store };
}

/** Stores the loaded value, ends the flight, and then releases the lease. A call in between looks up the key. */
async function finish<V>(
  call: Call<V>,
  flight: Flight,
  bringing: Promise<Brought<V>>,
  holding: Holding,
): Promise<V | typeof ELSEWHERE> {
  try {
    const { value, store } = await bringing;
    flight.loaded = { value };
    if (store !== undefined && !flight.overtaken) {
      const storing = put(call, flight, value as V, store);
      if (storing !== undefined) {
        await unlessLate(storing, flight);
      }
    }
    return value;
  } finally {
    clearTimeout(flight.timer);
    // Otherwise it ends once the value is stored, since writes still wait for that.
    if (!flight.isStoring) {
      call.flights.end(flight);
    }
    await holding.release?.();
  }
}

/** Waits for a value to be stored, but no longer than the limit of the flight. */
function unlessLate(storing: Promise<void>, { controller: { signal } }: Flight): Promise<void> {
  let late: () => void = () => undefined;
  const limit = new Promise<void>((resolve) => {
    late = resolve;
  });
  signal.addEventListener("abort", late, { once: true });
  return Promise.race([storing, limit]);
}

/** Stores a value; synchronously, if the provider does. */
function put<V>(call: Call<V>, flight: Flight, value: V, options: WriteOptions): Promise<void> | undefined {
  const { provider, flights, key } = call;
  const refused = (error: unknown) => {
    if (isMistake(error)) {
      flight.mistake = error;
      throw error;
    }
    failed(call, error);
  };
  try {
    const storing = provider.set(key, value, optionsFor(provider, options));
    if (!isPromise(storing)) {
      flights.overtakeLookups([key]);
      return undefined;
    }
    const stored = storing
      .then(() => undefined, refused)
      .finally(() => {
        flight.isStoring = false;
        flights.overtakeLookups([key]);
        flights.end(flight);
      });
    flight.isStoring = true;
    flight.storing = stored.catch(() => undefined);
    return stored;
  } catch (error) {
    refused(error);
    return undefined;
  }
}

/** The current generations of tags; `undefined` if the provider failed and the failure is bypassed. */
async function generations<V>(
  call: Call<V>,
  flight: Flight,
  tags: () => readonly string[],
): Promise<Generations | undefined> {
  const named = mistaken(flight, tags);
  try {
    return await call.provider.generations?.(named);
  } catch (error) {
    if (isMistake(error)) {
      flight.mistake = error;
      throw error;
    }
    failed(call, error);
    return undefined;
  }
}

/**
 * Runs a function from the caller's options. An error that it throws is the caller's mistake, which a stale value never
 * hides.
 */
function mistaken<R>(flight: Flight, work: () => R): R {
  try {
    return work();
  } catch (error) {
    flight.mistake = error;
    throw error;
  }
}
