/** A call of `getOrSet`: it looks the key up, and loads a missing value once for all callers that ask meanwhile. */

import { isPromise } from "../promise.js";
import { isInside } from "./active-loads.js";
import type { Call, Found } from "./call.js";
import { fly } from "./flight.js";
import { judge } from "./freshness.js";
import { checkLease } from "./lease.js";
import { countStale, look, NOTHING } from "./lookup.js";
import { runNested } from "./run.js";
import type { Settings } from "./settings.js";
import type { Flight } from "./single-flight.js";
import { share, unlessAborted, wait } from "./wait.js";

/** The lookups of a call that writes overtake. After that a load brings a value that is as new. */
const LOOKUPS = 8;

/**
 * The value under the key; if there is none, the loader's. A value that the provider has at once is answered without the
 * turns that asynchronous functions take.
 *
 * @throws an error of the provider that is not passed over, and the reason of an aborted signal.
 */
export function getOrLoad<V>(call: Call<V>): Promise<V> {
  const { given } = call.settings;
  if (given.signal?.aborted) {
    throw given.signal.reason;
  }
  if (call.settings.lease !== undefined) {
    checkLease(call.provider);
  }
  if (given.forceFresh) {
    // A load that began before this call may bring an older value.
    return call.flights.write([call.key], () => undefined).then(() => outcome(call, NOTHING));
  }
  const found = look(call);
  return isPromise(found) ? outcomeLater(call, found) : outcome(call, found);
}

/**
 * The outcome of a load in progress, for a call that takes it without a lookup: the flight began because there was nothing,
 * and a write since then would have overtaken it.
 */
export function join<V>(flight: Flight, settings: Settings<V>): Promise<V> | undefined {
  if (
    !settings.sharing ||
    settings.timeout !== flight.timeout ||
    flight.leased ||
    !(flight.found === "nothing" || (flight.found === "nothing fresh" && !settings.aging)) ||
    isInside(flight)
  ) {
    return undefined;
  }
  settings.monitor.coalesced++;
  return share<V>(flight);
}

/**
 * What a call gets once the provider has responded. A value is returned as found, also where a write overlapped the lookup:
 * either order of the two is right. Where there is nothing to return, the lookup is repeated, since the write may have brought
 * something.
 */
async function outcomeLater<V>(call: Call<V>, first: Found<V> | Promise<Found<V>>): Promise<V> {
  const { flights, key } = call;
  const { signal } = call.settings.given;
  let looking = first;
  for (let lookups = 1; ; lookups++) {
    const lookup = flights.watch(key);
    let found: Found<V>;
    try {
      found = await (signal === undefined ? looking : unlessAborted(looking, signal));
    } finally {
      flights.unwatch(lookup);
    }
    if (!lookup.overtaken || (found.value !== undefined && found.freshFor > 0) || lookups === LOOKUPS) {
      return outcome(call, found);
    }
    looking = look(call);
  }
}

/** What a call gets, according to the result of a lookup. */
function outcome<V>(call: Call<V>, found: Found<V>): Promise<V> {
  const { flights, key, settings } = call;
  const { value, freshFor } = found;
  const { monitor } = settings;
  const verdict =
    value === undefined
      ? "expired"
      : freshFor === Infinity
        ? "fresh"
        : judge(settings.windows, freshFor, Math.random());
  if (verdict === "fresh") {
    monitor.hits++;
    return Promise.resolve(value as V);
  }
  const flight = flights.get(key);
  if (verdict === "early" || verdict === "stale") {
    if (verdict === "early") {
      monitor.hits++;
    } else {
      countStale(call);
    }
    if (flight === undefined) {
      fly(call, { background: true, old: value, servedFreshFor: freshFor });
    }
    return Promise.resolve(value as V);
  }
  const fallback = verdict === "fallback" ? value : undefined;
  if (flight !== undefined && isInside(flight)) {
    // The loader of this key asks for its own key.
    return runNested(call, flight);
  }
  const begin = () =>
    fly(call, { background: false, old: fallback, noStore: found.failed, isMiss: value === undefined });
  if (flight !== undefined) {
    monitor.coalesced++;
  }
  return wait(call, flight ?? begin(), {
    begin,
    fallback,
    again: () => outcomeLater(call, look(call)),
  });
}
