/** One call of `getOrSet`: look, and load what is not there, once for everybody who asks meanwhile. */

import { quote } from "../check.js";
import type { AbortSignalLike } from "../http/types.js";
import { isPromise } from "../promise.js";
import type { Provider } from "../provider.js";
import type { Generations } from "../tagged.js";
import type { Ttl } from "../types.js";
import { enter, exit, isInside } from "./active-loads.js";
import { LoadTimeoutError } from "./errors.js";
import type { Events } from "./events.js";
import { judge } from "./freshness.js";
import { checkLease, ELSEWHERE, type Turn, takeTurn } from "./lease.js";
import type { Loader } from "./options.js";
import type { Settings } from "./settings.js";
import type { Flight, SingleFlight } from "./single-flight.js";

/** What a call needs to know. */
export interface Call<V> {
  readonly provider: Provider<V>;
  readonly flights: SingleFlight;
  readonly key: string;
  readonly loader: Loader<V>;
  readonly settings: Settings<V>;
  /** The ttl of what is stored without one. */
  readonly ttl: Ttl | null | undefined;
  /** The tags of what is stored. The provider has tags then. */
  readonly tags: (() => readonly string[]) | undefined;
  /** Who is told what happens. */
  readonly events: Events | undefined;
}

export interface Found<V> {
  value: V | undefined;
  /** What is left of its life, in milliseconds. */
  left: number;
  /** Whether the provider failed. */
  failed?: boolean;
}

const NOTHING: Found<never> = { value: undefined, left: 0 };

/**
 * The value under the key; if there is none, what the loader brings. What is found at once is answered without the turns
 * that asynchronous functions take.
 *
 * @throws what the provider throws, if that is not passed over, and the reason of a signal that is aborted.
 */
export function getOrLoad<V>(call: Call<V>): Promise<V> {
  const { given } = call.settings;
  throwIfAborted(given.signal);
  if (call.settings.lease !== undefined) {
    checkLease(call.provider);
  }
  if (given.forceFresh) {
    // A load that began before this call may bring what was before it.
    return call.flights.write([call.key], () => undefined).then(() => answer(call, NOTHING));
  }
  const asked = ask(call);
  return isPromise(asked) ? answerLater(call, asked) : answer(call, asked);
}

/** Answers when the provider has. What it says of a key that was written meanwhile does not count. */
async function answerLater<V>(call: Call<V>, asked: Found<V> | Promise<Found<V>>): Promise<V> {
  const { flights, key } = call;
  const { signal } = call.settings.given;
  for (let found = asked; ; found = ask(call)) {
    const look = flights.watch(key);
    try {
      found = signal === undefined ? await found : await unlessAborted(found, signal);
    } finally {
      flights.unwatch(look);
    }
    if (!look.overtaken) {
      return answer(call, found);
    }
  }
}

/** What comes of what was found. */
function answer<V>(call: Call<V>, { value, left, failed }: Found<V>): Promise<V> {
  const { flights, key, settings } = call;
  const { monitor, given } = settings;
  const verdict =
    value === undefined ? "expired" : left === Infinity ? "fresh" : judge(settings.windows, left, Math.random());
  if (verdict === "fresh") {
    monitor.hits++;
    return Promise.resolve(value as V);
  }
  const flight = flights.get(key);
  if (verdict === "early" || verdict === "stale") {
    verdict === "early" ? monitor.hits++ : stale(call);
    if (flight === undefined) {
      behind(call, lead(call, { fallback: undefined, background: true, inHand: left }).whole);
    }
    return Promise.resolve(value as V);
  }
  if (flight !== undefined) {
    if (isInside(flight)) {
      // It is the loader of this very key that asks.
      return run(call, flight, false);
    }
    monitor.coalesced++;
    return settings.lease === undefined
      ? wait<V>(flights, flight, given.signal)
      : wait<V | typeof ELSEWHERE>(flights, flight, given.signal).then((loaded) =>
          loaded === ELSEWHERE ? answerLater(call, ask(call)) : loaded,
        );
  }
  const fallback = verdict === "fallback" ? value : undefined;
  const led = lead(call, { fallback, background: false, unstored: failed });
  const answered = wait<V>(flights, led.flight, given.signal);
  if (given.waitUntil) {
    given.waitUntil(led.whole.catch(() => undefined));
    return answered;
  }
  return answered.then((loaded) => led.whole.then(() => loaded));
}

/** Looks into the provider; at once, if it answers at once. */
function ask<V>(call: Call<V>): Found<V> | Promise<Found<V>> {
  const { provider, key, settings } = call;
  try {
    if (!settings.aging) {
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

/** Counts the answer of a value that is no longer fresh. */
function stale<V>({ settings, events, key }: Call<V>): void {
  settings.monitor.stale++;
  events?.emit("stale", { key, name: settings.monitor.name });
}

function failedWith<V>({ settings, events, key }: Call<V>, error: unknown): Found<V> {
  if (settings.given.onError === "propagate") {
    throw error;
  }
  settings.monitor.bypasses++;
  events?.emit("bypass", { key, name: settings.monitor.name, error });
  return { ...NOTHING, failed: true };
}

interface Lead<V> {
  fallback: V | undefined;
  background: boolean;
  /** Whether what comes is not to be stored, since the provider has just failed. */
  unstored?: boolean | undefined;
  /** What is left of a value that callers have been answered with. */
  inHand?: number;
}

/** Begins a flight. `whole` ends when its value is stored; with the error of storing it, if that is not passed over. */
function lead<V>(call: Call<V>, how: Lead<V>): { flight: Flight; whole: Promise<void> } {
  const { flights, settings } = call;
  const { background, inHand } = how;
  const flight = flights.begin(call.key);
  let { fallback, unstored } = how;
  let tags: Generations | undefined;
  let turn: Turn<V> | undefined;
  const outcome = (async () => {
    if (settings.lease !== undefined && !settings.given.forceFresh && !unstored) {
      const failed = (error: unknown) => failedWith(call, error);
      turn = await takeTurn(call, flight.controller, { look: () => ask(call), failed, fallback, inHand });
      if (turn.elsewhere) {
        return ELSEWHERE;
      }
      if (turn.found !== undefined) {
        settings.monitor.coalesced += background ? 0 : 1;
        return turn.found;
      }
      ({ fallback, unstored } = turn);
    }
    try {
      if (call.tags !== undefined) {
        // As they are before there is a value: it is dead if one moves on while it is loaded.
        tags = await generations(call, call.tags());
      }
      return await run(call, flight, background);
    } catch (error) {
      if (fallback === undefined) {
        throw error;
      }
      stale(call);
      return fallback;
    }
  })();
  flight.outcome = outcome;
  const whole = (async () => {
    try {
      // A stale answer is in the cache already.
      const value = await outcome;
      const { shouldCache } = settings.given;
      const isLoaded = value !== undefined && value !== ELSEWHERE && value !== fallback && turn?.found === undefined;
      const wanted = isLoaded && !unstored && (shouldCache?.(value) ?? true);
      if (wanted && !flight.detached && (tags !== undefined || call.tags === undefined)) {
        await store(call, flight, value, tags);
      }
    } finally {
      flights.end(flight);
      await turn?.release?.();
    }
  })();
  // Who waits hears of it; if nobody does, nobody needs to.
  outcome.catch(() => undefined);
  whole.catch(() => undefined);
  return { flight, whole };
}

/** The generations that tags have now; `undefined` if the provider failed, where that is passed over. */
async function generations<V>(call: Call<V>, tags: readonly string[]): Promise<Generations | undefined> {
  try {
    return await call.provider.generations?.(tags);
  } catch (error) {
    if (error instanceof TypeError || error instanceof RangeError) {
      // What is no tag is the caller's fault, not the provider's.
      throw error;
    }
    failedWith(call, error);
    return undefined;
  }
}

async function store<V>(call: Call<V>, flight: Flight, value: V, tags: Generations | undefined): Promise<void> {
  const { provider, flights, key, settings } = call;
  let stored: () => void = () => undefined;
  flight.storing = new Promise((resolve) => {
    stored = resolve;
  });
  try {
    const ttl = settings.ttlOf(value, call.ttl);
    await provider.set(key, value, tags === undefined ? { ttl } : { ttl, tags });
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
  let failure: { error: unknown } | undefined;
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
    return await Promise.race([enter(flight, () => loader({ key, signal, background })), ended]);
  } catch (error) {
    monitor.failures++;
    failure = { error };
    throw error;
  } finally {
    exit();
    clearTimeout(timer);
    const milliseconds = performance.now() - start;
    monitor.loadTime += milliseconds;
    call.events?.emit("load", { key, name: monitor.name, milliseconds, background, ...failure });
  }
}

/** Waits for a flight, as one of its callers. */
function wait<V>(flights: SingleFlight, flight: Flight, signal: AbortSignalLike | undefined): Promise<V> {
  flight.callers++;
  // A promise for each caller: one that is not handled is not hidden by those that are.
  return signal === undefined ? (flight.outcome as Promise<V>).then() : waitUnless(flights, flight, signal);
}

async function waitUnless<V>(flights: SingleFlight, flight: Flight, signal: AbortSignalLike): Promise<V> {
  try {
    return await unlessAborted(flight.outcome as Promise<V>, signal);
  } finally {
    // What is being stored already goes on: writes must see it, to wait for it.
    if (signal.aborted && --flight.callers === 0 && !flight.storing) {
      flights.detach(flight);
      flight.controller.abort(signal.reason);
    }
  }
}

async function unlessAborted<T>(outcome: T | Promise<T>, signal: AbortSignalLike): Promise<T> {
  let leave: () => void = () => undefined;
  const left = new Promise<never>((_, reject) => {
    leave = () => reject(signal.reason);
    signal.addEventListener("abort", leave);
  });
  // It may have been aborted before anybody listened.
  if (signal.aborted) {
    leave();
  }
  try {
    return await Promise.race([left, outcome]);
  } finally {
    signal.removeEventListener("abort", leave);
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
