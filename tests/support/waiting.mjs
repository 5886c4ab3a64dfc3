/** Waiting with a limit that only a hang reaches, on a machine of any speed. */

import { setImmediate, setInterval } from "node:timers";

// Taken before a test mocks them.
const real = { setImmediate, setInterval, clearInterval: globalThis.clearInterval };

/** How long anything may take before it counts as a hang, in milliseconds: `ISOCACHE_TEST_LIMIT`, or five minutes. */
export const LIMIT = Number(process.env.ISOCACHE_TEST_LIMIT ?? 5 * 60_000);

const TICK = 100;

/**
 * Calls `onHang` after `limit` milliseconds in which the event loop turned. While a test holds the loop, nothing that it waits
 * for can arrive, so this time does not count: however long the pause, it counts as one tick. Returns a function that ends the
 * watch. Until then it keeps the process alive.
 */
export function watch(onHang, limit = LIMIT) {
  let left = limit;
  const timer = real.setInterval(() => {
    left -= TICK;
    if (left <= 0) {
      real.clearInterval(timer);
      onHang();
    }
  }, TICK);
  return () => real.clearInterval(timer);
}

/** The outcome of a promise, or an error that says what did not happen within the limit. */
export async function withinLimit(what, promise, limit = LIMIT) {
  let end;
  const hang = new Promise((_, reject) => {
    end = watch(() => reject(new Error(`waited in vain for ${what}`)), limit);
  });
  try {
    return await Promise.race([promise, hang]);
  } finally {
    end();
  }
}

/** Lets everything run that is due: timers, sockets, callbacks. Mocked timers do not stop it. */
export function nextTurn() {
  return new Promise((resolve) => real.setImmediate(resolve));
}

/** Calls `ask` until it returns something else than `undefined`, and returns that. */
export async function eventually(what, ask, limit = LIMIT) {
  let hangs = false;
  const end = watch(() => {
    hangs = true;
  }, limit);
  try {
    for (;;) {
      const answer = await ask();
      if (answer !== undefined) {
        return answer;
      }
      if (hangs) {
        throw new Error(`waited in vain for ${what}`);
      }
      // Longer than one turn, so that the processes that are waited for get the processor.
      await pause(10);
    }
  } finally {
    end();
  }
}

function pause(milliseconds) {
  return new Promise((resolve) => {
    const timer = real.setInterval(() => {
      real.clearInterval(timer);
      resolve();
    }, milliseconds);
  });
}

/** Waits until a condition holds. */
export function until(condition) {
  return eventually(`this to become true: ${condition}`, () => (condition() ? true : undefined));
}
