/** A clock for the connection to a store. */

import { exactNow, systemNow } from "../clock.js";

/**
 * A clock in milliseconds that continues while the machine sleeps, when monotonic clocks may stand still, and that does
 * not go back when the system time is set.
 */
export function awakeClock(): () => number {
  let time = 0;
  let monotonic = Number.NaN;
  let system = Number.NaN;
  return () => {
    const [nowMonotonic, nowSystem] = [exactNow(), systemNow()];
    // The first call has nothing to compare with.
    time += Math.max(nowMonotonic - monotonic, nowSystem - system, 0) || 0;
    monotonic = nowMonotonic;
    system = nowSystem;
    return time;
  };
}
