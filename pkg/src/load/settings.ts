/** Options of a load that have been checked. */

import { checkFunction, checkList, checkOptions, wrongType } from "../check.js";
import { milliseconds } from "../ttl.js";
import type { Ttl } from "../types.js";
import { lifeOf, matters, type Windows } from "./freshness.js";
import { Monitor } from "./monitor.js";
import type { LoadOptions } from "./options.js";

/** The longest that a loader may take where no limit is set. */
const DEFAULT_TIMEOUT = 30_000;

const NAMES = [
  ...["ttl", "staleWhileRevalidate", "staleIfError", "early", "jitter", "timeout", "forceFresh", "shouldCache"],
  ...["signal", "waitUntil", "onError", "tags", "lease"],
];

/** Lives in milliseconds, by how they were given: a program has few, and repeats them at every call. */
const lives = /* @__PURE__ */ new Map<Ttl | null, number>();
const MAX_LIVES = 100;

function life(ttl: Ttl | null): number {
  let found = lives.get(ttl);
  if (found === undefined) {
    found = milliseconds(ttl);
    if (lives.size === MAX_LIVES) {
      lives.clear();
    }
    lives.set(ttl, found);
  }
  return found;
}

/** Counts the calls of which nobody asks. */
const NOBODYS = /* @__PURE__ */ new Monitor();

export class Settings<V> {
  readonly windows: Windows;
  /** Whether it matters how long an entry has to live. */
  readonly aging: boolean;
  readonly given: LoadOptions<V>;
  readonly monitor: Monitor;
  /** In milliseconds. */
  readonly timeout: number;
  /** In milliseconds. */
  readonly lease: number | undefined;
  readonly #jitter: number;

  /** @throws TypeError or RangeError for what is no option, naming it. */
  constructor(options: LoadOptions<V> | Ttl | null | undefined, monitor: Monitor = NOBODYS) {
    const given: LoadOptions<V> =
      typeof options === "object" && options !== null ? options : { ttl: options as Ttl | null | undefined };
    if (given === options) {
      checkOptions(given, NAMES);
    }
    const { ttl, staleWhileRevalidate = 0, staleIfError = 0, early = 0, jitter = 0, timeout } = given;
    if (typeof ttl !== "function" && ttl !== undefined) {
      life(ttl);
    }
    const window = (time: Ttl | 0) => (time === 0 ? 0 : life(time));
    this.windows = {
      whileRevalidate: window(staleWhileRevalidate),
      ifError: window(staleIfError),
      early: window(early),
    };
    this.aging = matters(this.windows);
    if (typeof jitter !== "number") {
      throw wrongType("jitter", "a number", jitter);
    }
    if (!(jitter >= 0 && jitter <= 1)) {
      throw new RangeError(`isocache: jitter must be from 0 to 1, not ${jitter}`);
    }
    if (given.tags !== undefined) {
      checkList("tags", given.tags);
    }
    checkFunction("shouldCache", given.shouldCache);
    checkFunction("waitUntil", given.waitUntil);
    if (given.onError !== undefined && given.onError !== "bypass" && given.onError !== "propagate") {
      throw wrongType("onError", '"bypass" or "propagate"', given.onError);
    }
    this.timeout = timeout === undefined ? DEFAULT_TIMEOUT : life(timeout);
    this.lease = given.lease === undefined ? undefined : life(given.lease);
    if (this.lease === Infinity) {
      throw new RangeError("isocache: lease must have an end");
    }
    this.#jitter = jitter;
    this.given = given;
    this.monitor = monitor;
  }

  /** The ttl to store a value with: in milliseconds as text, so that it is a whole number of them. */
  ttlOf(value: V, fallback: Ttl | null | undefined): Ttl | null | undefined {
    const { ttl } = this.given;
    const wanted = (typeof ttl === "function" ? ttl(value) : ttl) ?? (ttl === null ? null : fallback);
    if (wanted === undefined || wanted === null) {
      return wanted;
    }
    const whole = lifeOf(this.windows, life(wanted), this.#jitter, Math.random());
    return Number.isFinite(whole) ? `${whole}ms` : null;
  }
}
