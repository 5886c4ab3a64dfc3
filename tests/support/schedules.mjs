/** Seeded schedules: a few in every run, many on demand. */

import { nextTurn } from "./waiting.mjs";

/** For how long schedules may hold the event loop, in milliseconds. */
const SLICE = 50;

/**
 * Runs one schedule for each seed from 0: `count` of them, or as many as the environment variable `ISOCACHE_SCHEDULES` says.
 * Between slices of them the event loop turns, so that timers and sockets of the test runner and of other tests are served.
 */
export async function schedules(count, run) {
  const wanted = process.env.ISOCACHE_SCHEDULES;
  if (wanted !== undefined && !/^[1-9]\d{0,8}$/.test(wanted)) {
    throw new Error(`ISOCACHE_SCHEDULES must be a whole number from 1, not ${JSON.stringify(wanted)}`);
  }
  const total = wanted === undefined ? count : Number(wanted);
  let since = performance.now();
  for (let seed = 0; seed < total; seed++) {
    await run(seed);
    if (performance.now() - since > SLICE) {
      await nextTurn();
      since = performance.now();
    }
  }
}
