/** Timers of one length that wait for a test instead of the clock; all others run as ever. `t` is the test's context. */
export function heldTimers(t, length) {
  const held = new Map();
  const { setTimeout: start, clearTimeout: stop } = globalThis;
  t.mock.method(globalThis, "setTimeout", (act, ms, ...rest) => {
    if (ms !== length) {
      return start(act, ms, ...rest);
    }
    const timer = {};
    held.set(timer, () => act(...rest));
    return timer;
  });
  t.mock.method(globalThis, "clearTimeout", (timer) => {
    if (!held.delete(timer)) {
      stop(timer);
    }
  });
  return {
    get size() {
      return held.size;
    },
    /** Lets the time pass. */
    fire() {
      const acts = [...held.values()];
      held.clear();
      for (const act of acts) {
        act();
      }
    },
  };
}
