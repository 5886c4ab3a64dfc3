/** A call of `getOrSet`: it looks the key up, and loads a missing value once for all concurrent callers. */

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
import { isTooOld, share, unlessAborted, wait } from "./wait.js";

/** The maximum number of lookups of a call if writes overtake them. After that it loads, which is always correct. */
const LOOKUPS = 8;

/**
 * Returns the value under the key; if there is none, the loader's. If the provider answers synchronously, this function
 * awaits nothing, which saves microtasks.
 *
 * @throws an error of the provider that is not bypassed, and the reason of an aborted signal.
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
    // A load that began before this call may return an older value.
    return call.flights.write([call.key], () => undefined).then(() => outcome(call, NOTHING, call.flights.time));
  }
  const began = call.flights.time;
  const found = look(call);
  return isPromise(found) ? outcomeLater(call, found, began) : outcome(call, found, began);
}

/**
 * The outcome of a load in progress, for a call that joins it without a lookup: the flight began because there was no entry,
 * and a write since then would have overtaken it.
 */
export function join<V>(flight: Flight, settings: Settings<V>): Promise<V> | undefined {
  if (
    !settings.sharing ||
    settings.timeout !== flight.timeout ||
    flight.leased ||
    flight.read !== undefined ||
    !(flight.found === "nothing" || (flight.found === "nothing fresh" && !settings.aging)) ||
    isInside(flight)
  ) {
    return undefined;
  }
  settings.monitor.coalesced++;
  return share<V>(flight);
}

/**
 * The result of a call once the provider has responded. A found value is returned even if a write overlapped the lookup: both
 * orders of the two are correct. If nothing was found, the lookup is repeated, since the write may have stored something.
 */
async function outcomeLater<V>(
  call: Call<V>,
  first: Found<V> | Promise<Found<V>>,
  began = call.flights.time,
): Promise<V> {
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
      return outcome(call, found, began);
    }
    looking = look(call);
  }
}

/** The result of a call, given the result of its lookup and when it `began`. */
function outcome<V>(call: Call<V>, found: Found<V>, began: number): Promise<V> {
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
    // The loader of this key requests its own key.
    return runNested(call, flight);
  }
  const begin = () =>
    fly(call, { background: false, old: fallback, noStore: found.failed, isMiss: value === undefined });
  if (flight !== undefined && !isTooOld(flight, began)) {
    monitor.coalesced++;
  }
  return wait(call, flight ?? begin(), {
    // A flight that this call starts is never too old for it.
    began: flight === undefined ? -1 : began,
    begin,
    fallback,
    // A call that starts again keeps the time at which it began.
    again: () => outcomeLater(call, look(call), began),
  });
}
