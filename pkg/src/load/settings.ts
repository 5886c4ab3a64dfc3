/** Options of a load that have been checked. */

import { checkFunction, checkOptions, wrongType } from "../check.js";
import { milliseconds } from "../ttl.js";
import type { Ttl } from "../types.js";
import { Monitor } from "./monitor.js";
import type { LoadOptions } from "./options.js";
import { lifeOf, type Windows } from "./windows.js";

/** The longest that a loader may take where no limit is set. */
const DEFAULT_TIMEOUT = 30_000;

const NAMES = [
  ...["ttl", "staleWhileRevalidate", "staleIfError", "early", "jitter", "timeout", "forceFresh", "shouldCache"],
  ...["signal", "waitUntil", "onError"],
];

export class Settings<V> {
  readonly windows: Windows;
  readonly given: LoadOptions<V>;
  readonly monitor: Monitor;
  /** In milliseconds. */
  readonly timeout: number;
  readonly #jitter: number;

  /** @throws TypeError or RangeError for what is no option, naming it. */
  constructor(options: LoadOptions<V> | Ttl | null | undefined, monitor: Monitor = new Monitor()) {
    const given: LoadOptions<V> =
      typeof options === "object" && options !== null ? options : { ttl: options as Ttl | null | undefined };
    checkOptions(given, NAMES);
    const { ttl, staleWhileRevalidate = 0, staleIfError = 0, early = 0, jitter = 0, timeout } = given;
    if (typeof ttl !== "function" && ttl !== undefined) {
      milliseconds(ttl);
    }
    const window = (time: Ttl | 0) => (time === 0 ? 0 : milliseconds(time));
    this.windows = {
      whileRevalidate: window(staleWhileRevalidate),
      ifError: window(staleIfError),
      early: window(early),
    };
    if (typeof jitter !== "number") {
      throw wrongType("jitter", "a number", jitter);
    }
    if (!(jitter >= 0 && jitter <= 1)) {
      throw new RangeError(`isocache: jitter must be from 0 to 1, not ${jitter}`);
    }
    checkFunction("shouldCache", given.shouldCache);
    checkFunction("waitUntil", given.waitUntil);
    if (given.onError !== undefined && given.onError !== "bypass" && given.onError !== "propagate") {
      throw wrongType("onError", '"bypass" or "propagate"', given.onError);
    }
    this.timeout = timeout === undefined ? DEFAULT_TIMEOUT : milliseconds(timeout);
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
    const life = lifeOf(this.windows, milliseconds(wanted), this.#jitter, Math.random());
    return Number.isFinite(life) ? `${life}ms` : null;
  }
}
