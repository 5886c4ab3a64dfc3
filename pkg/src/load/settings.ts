/** The checked options of a load. */

import { checkFunction, checkList, checkOptions, wrongType } from "../check.js";
import type { Generations } from "../generations.js";
import { milliseconds } from "../ttl.js";
import type { Ttl } from "../types.js";
import { type WriteOptions, writeOptions } from "../write-options.js";
import { jittered, matters, staleFor, type Windows } from "./freshness.js";
import { Monitor } from "./monitor.js";
import type { LoadOptions } from "./options.js";

/** The time limit of a call without `timeout`, and of detached loads with a shorter one. */
export const DEFAULT_TIMEOUT = 30_000;

const NAMES = [
  ...["ttl", "staleWhileRevalidate", "staleIfError", "earlyRefresh", "jitter", "timeout", "detached", "forceFresh"],
  ...["shouldCache", "signal", "waitUntil", "onError", "tags", "lease"],
];

/** Parsed ttls in milliseconds, by their given form: a program uses few, and repeats them in every call. */
const ttls = /* @__PURE__ */ new Map<Ttl | null, number>();
const MAX_TTLS = 100;

/** `name` is its name in errors. */
function parsed(ttl: Ttl | null, name = "ttl"): number {
  let found = ttls.get(ttl);
  if (found === undefined) {
    found = milliseconds(ttl, name);
    if (ttls.size === MAX_TTLS) {
      ttls.clear();
    }
    ttls.set(ttl, found);
  }
  return found;
}

/** Counts calls whose statistics cannot be read. */
const NOBODYS = /* @__PURE__ */ new Monitor();

export class Settings<V> {
  readonly windows: Windows;
  /** Whether the age of an entry matters. */
  readonly aging: boolean;
  /** How long entries are kept after their ttl, in milliseconds. */
  readonly staleFor: number;
  readonly given: LoadOptions<V>;
  readonly monitor: Monitor;
  /** In milliseconds. */
  readonly timeout: number;
  /** In milliseconds. */
  readonly lease: number | undefined;
  /** Whether this call can share one promise with others: it has no signal and no lease, and joins a load in progress. */
  readonly sharing: boolean;
  readonly #jitter: number;

  /** @throws TypeError or RangeError for an invalid option, naming it. */
  constructor(options: LoadOptions<V> | Ttl | null | undefined, monitor: Monitor = NOBODYS) {
    const given: LoadOptions<V> =
      typeof options === "object" && options !== null ? options : { ttl: options as Ttl | null | undefined };
    if (given === options) {
      checkOptions(given, NAMES);
    }
    const { ttl, jitter = 0, timeout, detached = false } = given;
    if (typeof ttl !== "function" && ttl !== undefined) {
      parsed(ttl);
    }
    // A window of 0 counts as none.
    const window = (name: "staleWhileRevalidate" | "staleIfError" | "earlyRefresh") => {
      const time: Ttl | 0 = given[name] ?? 0;
      return time === 0 ? 0 : parsed(time, name);
    };
    this.windows = {
      whileRevalidate: window("staleWhileRevalidate"),
      ifError: window("staleIfError"),
      early: window("earlyRefresh"),
    };
    this.aging = matters(this.windows);
    this.staleFor = staleFor(this.windows);
    if (typeof jitter !== "number") {
      throw wrongType("jitter", "a number", jitter);
    }
    if (!(jitter >= 0 && jitter <= 1)) {
      throw new RangeError(`isocache: jitter must be from 0 to 1, not ${jitter}`);
    }
    if (typeof detached !== "boolean") {
      throw wrongType("detached", "a boolean", detached);
    }
    if (given.tags !== undefined) {
      checkList("tags", given.tags);
    }
    if (given.signal !== undefined && typeof given.signal?.addEventListener !== "function") {
      throw wrongType("signal", "an AbortSignal", given.signal);
    }
    checkFunction("shouldCache", given.shouldCache);
    checkFunction("waitUntil", given.waitUntil);
    if (given.onError !== undefined && given.onError !== "bypass" && given.onError !== "propagate") {
      throw wrongType("onError", '"bypass" or "propagate"', given.onError);
    }
    this.timeout = timeout === undefined ? DEFAULT_TIMEOUT : parsed(timeout, "timeout");
    this.lease = given.lease === undefined ? undefined : parsed(given.lease, "lease");
    if (this.lease === Infinity) {
      throw new RangeError(
        'isocache: lease must be finite, such as "30s": the load of a process that died has to be taken over',
      );
    }
    this.sharing = given.signal === undefined && this.lease === undefined && !given.forceFresh;
    this.#jitter = jitter;
    this.given = given;
    this.monitor = monitor;
  }

  /**
   * @param fallback - the ttl of the cache, in milliseconds.
   * @throws TypeError if there is a window but no finite ttl.
   */
  checkWindows(fallback: number | undefined): void {
    const { ttl } = this.given;
    if (this.staleFor > 0 && (ttl === undefined ? fallback === Infinity : ttl === null || ttl === Infinity)) {
      const name = this.windows.whileRevalidate > 0 ? "staleWhileRevalidate" : "staleIfError";
      throw new TypeError(`isocache: ${name} needs a ttl, after which the value is stale; give ttl beside it`);
    }
  }

  /**
   * The options for storing a value.
   *
   * @param own - the ttl that the loader returned; `undefined` if it returned none.
   * @param fallback - the ttl of the cache, in milliseconds.
   * @throws TypeError or RangeError for an invalid ttl.
   */
  storing(value: V, own: Ttl | null | undefined, fallback: number | undefined, tags?: Generations): WriteOptions {
    const { ttl } = this.given;
    const named = own !== undefined ? own : typeof ttl === "function" ? ttl(value) : ttl;
    const time = named === undefined ? fallback : parsed(named);
    // An entry that does not expire has no window.
    return time === undefined || time === Infinity
      ? writeOptions(time, time === undefined ? this.staleFor : 0, tags)
      : writeOptions(jittered(time, this.#jitter, Math.random()), this.staleFor, tags);
  }
}

/** Settings that consist only of a ttl, by ttl. */
const byTtl = /* @__PURE__ */ new Map<Ttl | null | undefined, Settings<unknown>>();

/** The settings of a call that is not made by a cached function. @throws like the constructor. */
export function settingsOf<V>(options: LoadOptions<V> | Ttl | null | undefined): Settings<V> {
  if (typeof options === "object" && options !== null) {
    return new Settings(options);
  }
  let found = byTtl.get(options);
  if (found === undefined) {
    found = new Settings<unknown>(options);
    if (byTtl.size === MAX_TTLS) {
      byTtl.clear();
    }
    byTtl.set(options, found);
  }
  return found as Settings<V>;
}
