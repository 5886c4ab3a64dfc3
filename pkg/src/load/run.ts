/** Runs a loader within its time limit. */

import { quote } from "../check.js";
import { stopwatch } from "../clock.js";
import { enter, leave, runAt } from "./active-loads.js";
import type { Call } from "./call.js";
import { LoadTimeoutError } from "./errors.js";
import { isLoaded, type Loaded } from "./loaded.js";
import type { Flight } from "./single-flight.js";

/** The longest delay of a timer. A longer limit is treated as none. */
export const MAX_TIMER = 2 ** 31 - 1;

/** The error of a call that waited for `timeout` milliseconds. */
export function tooLate(key: string, timeout: number): LoadTimeoutError {
  return new LoadTimeoutError(`isocache: the load of key ${quote(key)} took longer than ${timeout} ms`);
}

/** Runs the loader of a flight. `old` is the value that it replaces. */
export async function run<V>(
  call: Call<V>,
  flight: Flight,
  background: boolean,
  old: V | undefined,
): Promise<V | Loaded<V>> {
  const { key, loader, settings } = call;
  const { monitor } = settings;
  const { signal } = flight.controller;
  // Lets callers in the same tick, perhaps thousands, join before the loader is tracked, which makes promises slower.
  await undefined;
  if (signal.aborted) {
    throw signal.reason;
  }
  const start = stopwatch();
  const place = enter(flight);
  let failure: { error: unknown } | undefined;
  monitor.loads++;
  monitor.background += background ? 1 : 0;
  try {
    const ended = new Promise<never>((_, reject) => {
      signal.addEventListener("abort", () => reject(signal.reason), { once: true });
    });
    ended.catch(() => undefined);
    return await Promise.race([runAt(place, () => loader({ key, signal, background, stale: old })), ended]);
  } catch (error) {
    monitor.failures++;
    failure = { error };
    throw error;
  } finally {
    leave(place);
    const milliseconds = stopwatch() - start;
    monitor.loadTime += milliseconds;
    call.events?.emit("load", { key, name: monitor.name, milliseconds, background, ...failure });
  }
}

/** Runs the loader for a call from within the loader of the same key. Its value is not stored. */
export async function runNested<V>(call: Call<V>, flight: Flight): Promise<V> {
  const loaded = await run(call, flight, false, undefined);
  return isLoaded(loaded) ? loaded.value : loaded;
}
