/** One call of `getOrSet`: look, and load what is not there, once for everybody who asks meanwhile. */

import type { Provider } from "../cache.js";
import { quote } from "../check.js";
import type { AbortSignalLike } from "../http/types.js";
import type { Ttl } from "../types.js";
import { LoadTimeoutError } from "./errors.js";
import type { Flight, Flights } from "./flights.js";
import { inside, isInside } from "./inside.js";
import type { Loader } from "./options.js";
import type { Settings } from "./settings.js";
import { judge, matters } from "./windows.js";

/** What a call needs to know. */
export interface Call<V> {
  readonly provider: Provider<V>;
  readonly flights: Flights;
  readonly key: string;
  readonly loader: Loader<V>;
  readonly settings: Settings<V>;
  /** The ttl of what is stored without one. */
  readonly ttl: Ttl | null | undefined;
}

interface Found<V> {
  value: V | undefined;
  /** What is left of its life, in milliseconds. */
  left: number;
  /** Whether the provider failed. */
  failed?: boolean;
}

const NOTHING: Found<never> = { value: undefined, left: 0 };

/** The value under the key; if there is none, what the loader brings. */
export async function getOrLoad<V>(call: Call<V>): Promise<V> {
  const { flights, key, settings } = call;
  const { monitor, given } = settings;
  throwIfAborted(given.signal);
  if (given.forceFresh) {
    // A load that began before this call may bring what was before it.
    await flights.write([key], () => undefined);
  }
  for (;;) {
    const asked = given.forceFresh ? NOTHING : ask(call);
    let found: Found<V>;
    if (isPromise(asked)) {
      const look = flights.watch(key);
      try {
        found = await asked;
      } finally {
        flights.unwatch(look);
      }
      if (look.overtaken) {
        continue;
      }
    } else {
      found = asked;
    }
    const { value, left, failed } = found;
    const verdict = value === undefined ? "expired" : judge(settings.windows, left, Math.random());
    if (verdict === "fresh") {
      monitor.hits++;
      return value as V;
    }
    const flight = flights.get(key);
    if (verdict === "early" || verdict === "stale") {
      verdict === "early" ? monitor.hits++ : monitor.stale++;
      if (flight === undefined) {
        behind(call, lead(call, { fallback: undefined, background: true }).whole);
      }
      return value as V;
    }
    const fallback = verdict === "fallback" ? value : undefined;
    if (flight !== undefined) {
      if (isInside(flight)) {
        // It is the loader of this very key that asks.
        return (await run(call, flight, false)) as V;
      }
      monitor.coalesced++;
      return wait<V>(flights, flight, given.signal);
    }
    const led = lead(call, { fallback, background: false, unstored: failed });
    const answer = wait<V>(flights, led.flight, given.signal);
    if (given.waitUntil) {
      given.waitUntil(led.whole.catch(() => undefined));
      return answer;
    }
    const value_ = await answer;
    await led.whole;
    return value_;
  }
}

/** Looks into the provider; at once, if it answers at once. */
function ask<V>(call: Call<V>): Found<V> | Promise<Found<V>> {
  const { provider, key, settings } = call;
  try {
    if (!matters(settings.windows)) {
      const value = provider.get(key);
      return isPromise(value) ? failing(call, value, whole) : whole(value);
    }
    if (provider.getWithTtl) {
      const found = provider.getWithTtl(key);
      return isPromise(found) ? failing(call, found, partial) : partial(found);
    }
    if (provider.ttl) {
      const value = provider.get(key) as V | undefined;
      return partial(value === undefined ? undefined : { value, ttl: provider.ttl(key) ?? null });
    }
  } catch (error) {
    return failedWith(call, error);
  }
  throw new TypeError("isocache: stale values and early loads need a provider with the method getWithTtl or ttl");
}

/** What was found where its age does not matter. */
function whole<V>(value: V | undefined): Found<V> {
  return { value, left: Infinity };
}

function partial<V>(found: { value: V; ttl: number | null } | undefined): Found<V> {
  return found === undefined ? NOTHING : { value: found.value, left: found.ttl === null ? Infinity : found.ttl * 1000 };
}

async function failing<V, R>(call: Call<V>, asked: Promise<R>, read: (found: R) => Found<V>): Promise<Found<V>> {
  try {
    return read(await asked);
  } catch (error) {
    return failedWith(call, error);
  }
}

function failedWith<V>({ settings }: Call<V>, error: unknown): Found<V> {
  if (settings.given.onError === "propagate") {
    throw error;
  }
  settings.monitor.bypasses++;
  return { ...NOTHING, failed: true };
}

interface Lead<V> {
  fallback: V | undefined;
  background: boolean;
  /** Whether what comes is not to be stored, since the provider has just failed. */
  unstored?: boolean | undefined;
}

/** Begins a flight. `whole` ends when its value is stored; with the error of storing it, if that is not passed over. */
function lead<V>(call: Call<V>, { fallback, background, unstored }: Lead<V>): { flight: Flight; whole: Promise<void> } {
  const { flights, settings } = call;
  const flight = flights.begin(call.key);
  const outcome = (async () => {
    try {
      return await run(call, flight, background);
    } catch (error) {
      if (fallback === undefined) {
        throw error;
      }
      settings.monitor.stale++;
      return fallback;
    }
  })();
  flight.outcome = outcome;
  const whole = (async () => {
    try {
      // A stale answer is in the cache already.
      const value = await outcome;
      const { shouldCache } = settings.given;
      const wanted = value !== undefined && value !== fallback && !unstored && (shouldCache?.(value as V) ?? true);
      if (wanted && !flight.detached) {
        await store(call, flight, value as V);
      }
    } finally {
      flights.end(flight);
    }
  })();
  // Who waits hears of it; if nobody does, nobody needs to.
  outcome.catch(() => undefined);
  whole.catch(() => undefined);
  return { flight, whole };
}

async function store<V>(call: Call<V>, flight: Flight, value: V): Promise<void> {
  const { provider, flights, key, settings } = call;
  let stored: () => void = () => undefined;
  flight.storing = new Promise((resolve) => {
    stored = resolve;
  });
  try {
    await provider.set(key, value, { ttl: settings.ttlOf(value, call.ttl) });
  } catch (error) {
    failedWith(call, error);
  } finally {
    flights.overtake([key]);
    stored();
  }
}

/** Runs the loader, within its limit. */
async function run<V>(call: Call<V>, flight: Flight, background: boolean): Promise<V> {
  const { key, loader, settings } = call;
  const { monitor } = settings;
  const { controller } = flight;
  const { signal } = controller;
  const start = performance.now();
  let timer: ReturnType<typeof setTimeout> | undefined;
  monitor.loads++;
  monitor.behind += background ? 1 : 0;
  try {
    const ended = new Promise<never>((_, reject) => {
      signal.addEventListener("abort", () => reject(signal.reason), { once: true });
      if (Number.isFinite(settings.timeout)) {
        const late = new LoadTimeoutError(
          `isocache: the loader of key ${quote(key)} took longer than ${settings.timeout} ms`,
        );
        // What is longer than a timer can be is no limit that anybody waits for.
        timer = setTimeout(() => controller.abort(late), Math.min(settings.timeout, 2 ** 31 - 1));
      }
    });
    ended.catch(() => undefined);
    return await Promise.race([inside(flight, () => loader({ key, signal, background })), ended]);
  } catch (error) {
    monitor.failures++;
    throw error;
  } finally {
    clearTimeout(timer);
    monitor.loadTime += performance.now() - start;
  }
}

/** Waits for a flight, as one of its callers. */
async function wait<V>(flights: Flights, flight: Flight, signal: AbortSignalLike | undefined): Promise<V> {
  flight.callers++;
  if (signal === undefined) {
    return flight.outcome as Promise<V>;
  }
  let leave: () => void = () => undefined;
  const left = new Promise<never>((_, reject) => {
    leave = () => reject(signal.reason);
    signal.addEventListener("abort", leave);
  });
  try {
    return await Promise.race([flight.outcome as Promise<V>, left]);
  } finally {
    signal.removeEventListener("abort", leave);
    // What is being stored already goes on: writes must see it, to wait for it.
    if (signal.aborted && --flight.callers === 0 && !flight.storing) {
      flights.detach(flight);
      flight.controller.abort(signal.reason);
    }
  }
}

function behind<V>({ settings }: Call<V>, whole: Promise<void>): void {
  settings.given.waitUntil?.(whole.catch(() => undefined));
}

function throwIfAborted(signal: AbortSignalLike | undefined): void {
  if (signal?.aborted) {
    throw signal.reason;
  }
}

function isPromise<T>(value: T | Promise<T>): value is Promise<T> {
  return typeof (value as Promise<T> | null | undefined)?.then === "function";
}
