/** The clocks of the machine. Elsewhere, only the duration of a load is read from one. */

import { isEdgeWorker } from "./platform.js";

/** The number of equal readings after which the clock counts as busy. */
const BUSY = 64;
/** The number of calls that share one reading of a busy clock. */
const SHARED = 32;
/** A shared reading is used only for times this far ahead, in milliseconds: no pause of a program takes as long. */
export const MARGIN = 60_000;

/** Only for comparison: detects that a test has replaced `Date.now`, whose time is then used unchanged. */
const genuine = /* @__PURE__ */ loadedNow();
const isNative = /* @__PURE__ */ isOfPlatform(genuine);
/** From `performance.now` to `Date.now`, as they were when this module was loaded. */
const offset = /* @__PURE__ */ loadedOffset();

let last = -1;
let repeated = 0;
let shared = 0;
let armed = false;

/** The time since 1970 in milliseconds, from `Date.now`: a time that several machines agree on. */
export function systemNow(): number {
  return Date.now();
}

/**
 * A time in milliseconds that continues when the system clock is set. While a program replaces `Date.now`, as tests do,
 * that is used instead.
 */
export function monotonicNow(): number {
  if (!isGenuine() || typeof performance !== "object") {
    return Date.now();
  }
  const now = Math.floor(performance.now() + offset);
  if (now !== last) {
    last = now;
    repeated = 0;
    shared = 0;
  } else if (++repeated >= BUSY) {
    share();
  }
  return now;
}

/**
 * An earlier reading of `monotonicNow`, or -1 if it must be called.
 *
 * Reading a clock takes longer than a whole lookup in the cache. If it is read repeatedly within one turn of the event
 * loop, some calls share a reading, but only if nothing happens before `due` that a pause could cause.
 */
export function recentNow(due: number): number {
  if (shared > 0 && due - last > MARGIN && isGenuine()) {
    shared--;
    return last;
  }
  return -1;
}

/** For durations: milliseconds from any origin, which a program that replaces `Date.now` does not change. */
export function stopwatch(): number {
  return typeof performance === "object" ? performance.now() : Date.now();
}

/** As `monotonicNow`, with fractions, and read at every call. */
export function exactNow(): number {
  return isGenuine() && typeof performance === "object" ? performance.now() + offset : Date.now();
}

/** Whether the clock is the platform's own, so that 0 means that it has not started. */
export function isGenuine(): boolean {
  return isNative && Date.now === genuine;
}

/** Missing in browsers. Taken when this module was loaded, before a test replaces it. */
const immediate = /* @__PURE__ */ loadedImmediate();

/**
 * Calls `act` when this turn of the event loop ends, before the program waits for anything, as far as the platform can
 * tell. Otherwise, and while a program replaces `Date.now`, calls it already after the settled promises.
 */
export function afterTurn(act: () => void): void {
  if (immediate !== undefined && isGenuine() && !isEdgeWorker()) {
    immediate(act);
  } else {
    Promise.resolve().then(act);
  }
}

function loadedImmediate(): ((act: () => void) => unknown) | undefined {
  return (globalThis as { setImmediate?(act: () => void): unknown }).setImmediate;
}

function loadedNow(): () => number {
  return Date.now;
}

function isOfPlatform(now: () => number): boolean {
  return Function.prototype.toString.call(now).includes("[native code]");
}

function loadedOffset(): number {
  return isNative && typeof performance === "object" ? genuine() - performance.now() : 0;
}

function share(): void {
  shared = SHARED;
  if (!armed) {
    armed = true;
    afterTurn(() => {
      armed = false;
      shared = 0;
      repeated = 0;
    });
  }
}
