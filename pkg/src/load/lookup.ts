/** Looks up a key in a provider, and handles failures of the provider. */

import { isPromise } from "../promise.js";
import type { Entry } from "../types.js";
import type { Call, Found } from "./call.js";
import { isMistake } from "./mistakes.js";
import { warnOfFailure } from "./warnings.js";

export const NOTHING: Found<never> = { value: undefined, freshFor: 0 };

/** Looks up a key; synchronously, if the provider answers synchronously. */
export function look<V>(call: Call<V>): Found<V> | Promise<Found<V>> {
  const { provider, key, settings } = call;
  try {
    if (!settings.aging) {
      const value = provider.get(key);
      return isPromise(value) ? reading(call, value, ageless) : ageless(value);
    }
    if (provider.getEntry) {
      const entry = provider.getEntry(key);
      return isPromise(entry) ? reading(call, entry, aged) : aged(entry);
    }
    if (settings.staleFor === 0 && provider.getWithTtl) {
      const found = provider.getWithTtl(key);
      return isPromise(found) ? reading(call, found, timed) : timed(found);
    }
    if (settings.staleFor === 0 && provider.ttl) {
      const value = provider.get(key) as V | undefined;
      return timed(
        value === undefined ? undefined : { value, ttl: (provider.ttl(key) as number | null | undefined) ?? null },
      );
    }
  } catch (error) {
    if (isMistake(error)) {
      throw error;
    }
    return failed(call, error);
  }
  const option = settings.staleFor > 0 ? "staleWhileRevalidate and staleIfError need" : "earlyRefresh needs";
  throw new TypeError(`isocache: ${option} a provider with the method getEntry`);
}

function ageless<V>(value: V | undefined): Found<V> {
  return { value, freshFor: Infinity };
}

function aged<V>(entry: Entry<V> | undefined): Found<V> {
  return entry === undefined ? NOTHING : { value: entry.value, freshFor: entry.freshFor ?? Infinity };
}

function timed<V>(found: { value: V; ttl: number | null } | undefined): Found<V> {
  return found === undefined
    ? NOTHING
    : { value: found.value, freshFor: found.ttl === null ? Infinity : found.ttl * 1000 };
}

async function reading<V, R>(call: Call<V>, asked: Promise<R>, read: (found: R) => Found<V>): Promise<Found<V>> {
  try {
    return read(await asked);
  } catch (error) {
    if (isMistake(error)) {
      throw error;
    }
    return failed(call, error);
  }
}

/** Counts and reports that a stale value was returned. */
export function countStale<V>({ settings, events, key }: Call<V>): void {
  settings.monitor.stale++;
  events?.emit("stale", { key, name: settings.monitor.name });
}

/** Bypasses a failure of the provider, or throws it. */
export function failed<V>(call: Call<V>, error: unknown): Found<V> {
  const { settings, events, key } = call;
  if (settings.given.onError === "propagate") {
    throw error;
  }
  settings.monitor.bypasses++;
  events?.emit("bypass", { key, name: settings.monitor.name, error });
  warnOfFailure(call, error);
  return { ...NOTHING, failed: true };
}
