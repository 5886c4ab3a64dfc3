/** The clock of the machine. No other file reads the time. */

/** Readings of the same millisecond after which the clock counts as busy. */
const BUSY = 64;
/** Calls that a busy clock answers without looking. */
const SHARED = 32;

/** For comparison only: a test that replaces `Date.now` is noticed, and its time never shared. */
const genuine = Date.now;
let isNative: boolean | undefined;

let last = -1;
let repeated = 0;
let shared = 0;
let armed = false;

/**
 * `Date.now()`, looked up at each call.
 *
 * Reading it takes longer than a whole lookup in the cache. Where it is asked over and over within one millisecond, some
 * calls share a reading, until the turn of the event loop ends: a pause is never overlooked, a busy loop sees time pass,
 * and who asks seldom gets an exact answer each time.
 */
export function systemNow(): number {
  if (shared > 0 && Date.now === genuine) {
    shared--;
    return last;
  }
  const now = Date.now();
  if (now !== last) {
    last = now;
    repeated = 0;
  } else if (++repeated >= BUSY && Date.now === genuine) {
    isNative ??= Function.prototype.toString.call(genuine).includes("[native code]");
    if (isNative) {
      share();
    }
  }
  return now;
}

/** Whether nobody has replaced the clock since this was loaded, so that 0 means that it has not started. */
export function isGenuine(): boolean {
  return Date.now === genuine;
}

function share(): void {
  shared = SHARED;
  if (!armed) {
    armed = true;
    // A promise, not a timer: edge workers forbid timers outside of requests.
    Promise.resolve().then(() => {
      armed = false;
      shared = 0;
      repeated = 0;
    });
  }
}
