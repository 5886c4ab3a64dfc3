/** A clock for the connection to a store. */

import { exactNow, systemNow } from "../clock.js";

/**
 * A clock in milliseconds that goes on while the machine sleeps, where monotonic clocks may stand still, and that does not go
 * back when the time of the machine is set.
 */
export function awakeClock(): () => number {
  let time = 0;
  let monotonic = Number.NaN;
  let system = Number.NaN;
  return () => {
    const [nowMonotonic, nowSystem] = [exactNow(), systemNow()];
    // At the first call there is nothing to compare with.
    time += Math.max(nowMonotonic - monotonic, nowSystem - system, 0) || 0;
    monotonic = nowMonotonic;
    system = nowSystem;
    return time;
  };
}
