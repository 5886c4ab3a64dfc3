/** The clocks of the machine. No other file reads the time. */

import { isEdgeWorker } from "./platform.js";

/** Readings of the same value after which the clock counts as busy. */
const BUSY = 64;
/** Calls that a busy clock answers without being read. */
const SHARED = 32;
/** A shared reading is used only for times so far ahead, in milliseconds, that no pause of a program takes as long. */
export const MARGIN = 60_000;

/** For comparison only: it is noticed when a test replaces `Date.now`, whose time is then used as it is. */
const genuine = /* @__PURE__ */ loadedNow();
const isNative = /* @__PURE__ */ isOfPlatform(genuine);
/** From `performance.now` to `Date.now`, as they were when this was loaded. */
const offset = /* @__PURE__ */ loadedOffset();

let last = -1;
let repeated = 0;
let shared = 0;
let armed = false;

/** The time since 1970 in milliseconds, as `Date.now` has it: what several machines agree on. */
export function systemNow(): number {
  return Date.now();
}

/**
 * A time in milliseconds that goes on when the clock of the machine is set. While a program has replaced `Date.now`, as
 * tests do, it is that.
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
 * An earlier reading of `monotonicNow`, or -1 if it has to be called.
 *
 * Reading a clock takes longer than a whole lookup in the cache. Where it is read over and over within one turn of the event
 * loop, some calls share a reading; but only if nothing happens before `due` that a pause could bring.
 */
export function recentNow(due: number): number {
  if (shared > 0 && due - last > MARGIN && isGenuine()) {
    shared--;
    return last;
  }
  return -1;
}

/** As `monotonicNow`, with fractions, and read at every call. */
export function exactNow(): number {
  return isGenuine() && typeof performance === "object" ? performance.now() + offset : Date.now();
}

/** Whether the clock is the platform's own, so that 0 means that it has not started. */
export function isGenuine(): boolean {
  return isNative && Date.now === genuine;
}

/** Taken when this was loaded, before a test replaces it. */
const immediate = /* @__PURE__ */ loadedImmediate();

/**
 * Calls `act` when this turn of the event loop ends: before the program waits for anything, as far as the platform can tell;
 * otherwise, and while a program has replaced `Date.now`, already after the promises that have settled.
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
    // A promise, not a timer: edge workers forbid timers outside of requests.
    Promise.resolve().then(() => {
      armed = false;
      shared = 0;
      repeated = 0;
    });
  }
}
