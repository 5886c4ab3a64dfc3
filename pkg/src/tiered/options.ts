/** Options of a `TieredCache`, checked and with their defaults. */

import { checkFunction, checkInteger, checkObject, checkOneOf, checkOptions, wrongType } from "../check.js";
import { announces, HttpInvalidations, type InvalidationOptions } from "../invalidations/http-invalidations.js";
import type { InvalidationSource } from "../invalidations/types.js";
import type { Provider } from "../provider.js";
import { isBranded } from "../shared.js";
import { milliseconds } from "../ttl.js";
import type { MemoryCacheOptions, Ttl } from "../types.js";
import type { CacheTracer } from "./spans.js";

/** Limits of the copies in memory. A copy that exceeds them by itself is not kept. */
export type NearOptions<V> = Omit<MemoryCacheOptions<V>, "ttl" | "touchOnGet" | "clock">;

/** A write that a `TieredCache` gave up. */
export interface UnsentWrite {
  /** The key, or the pattern of `clearPattern`. */
  readonly key: string;
  /** The name of the method. */
  readonly operation: string;
}

/** Options of a `TieredCache`. */
export interface TieredCacheOptions<V> {
  /** The shared provider, such as an `HttpCache`. */
  far: Provider<V>;
  /** Limits of the copies in memory. Default: 1000 entries. */
  near?: NearOptions<V> | undefined;
  /**
   * The maximum time a copy is kept, in **seconds** or with a unit. A copy is never kept longer than its entry is fresh
   * in `far`, which is also the default.
   */
  nearTtl?: Ttl | undefined;
  /**
   * The source of announcements of changed keys. Default: the bridge of `far`, if that is an `HttpCache`. With
   * `checkInterval`, `far` is polled for changes, at most once in each interval; a copy may be as old as the interval.
   * With `false`, nothing is announced, and a copy may be as old as `nearTtl`.
   */
  invalidations?: InvalidationSource | InvalidationOptions | false | undefined;
  /**
   * Whether copies are served while the connection to `far` is silent or lost: `"never"`, only after `far` has failed
   * (`"if-far-fails"`), or `"always"`, without a request to `far`. Default: `"never"`.
   */
  serveSuspect?: "never" | "if-far-fails" | "always" | undefined;
  /** How long such copies are served, in **seconds** or with a unit. Default: `"1m"`. */
  serveSuspectFor?: Ttl | undefined;
  /**
   * The maximum number of failed writes that are queued to be sent again: `set`, `setMany`, `delete`, `deleteMany` and
   * `clearPattern`. A queued write resolves at once; when the queue is full, writes reject. Default: 0.
   */
  retryWrites?: number | undefined;
  /** Called for each queued write that is given up. Default: a message on the console. */
  onUnsentWrite?: ((error: unknown, write: UnsentWrite) => void) | undefined;
  /**
   * A tracer, such as one of OpenTelemetry, that gets a span for each operation: `cache.get`, `cache.put`, `cache.remove` or
   * `cache.flush`. Spans never contain keys. Default: none.
   */
  tracer?: CacheTracer | undefined;
  /** The name of this cache in spans, `cache.name`. Default: `"tiered"`. */
  name?: string | undefined;
  /** Returns the time in milliseconds, from any origin. Default: a clock that continues while the machine sleeps. */
  clock?: (() => number) | undefined;
}

/** The resolved options of a `TieredCache`. Times are in milliseconds. */
export interface TierSettings<V> {
  readonly near: NearOptions<V>;
  readonly nearTtl: number;
  /** `undefined` if nothing is announced. */
  readonly source: InvalidationSource | undefined;
  readonly serveSuspect: "never" | "if-far-fails" | "always";
  readonly serveSuspectFor: number;
  readonly retryWrites: number;
  readonly onUnsentWrite: (error: unknown, write: UnsentWrite) => void;
  readonly tracer: CacheTracer | undefined;
  readonly name: string;
  readonly clock: (() => number) | undefined;
}

const NAMES = [
  ...["far", "near", "nearTtl", "invalidations", "serveSuspect", "serveSuspectFor", "retryWrites", "onUnsentWrite"],
  ...["tracer", "name", "clock"],
];
const NEAR_NAMES = ["maxEntries", "maxBytes", "maxEntryBytes", "onOversize", "sizeOf", "policy", "clone", "onRemoval"];
const MOST_WRITES = 1_000_000;

/** Resolves options. @throws TypeError or RangeError that names the option. */
export function settingsOf<V>(options: TieredCacheOptions<V>): TierSettings<V> {
  checkOptions(options, NAMES);
  const { far, near = {}, nearTtl, serveSuspect = "never", serveSuspectFor = "1m", retryWrites = 0 } = options;
  const { tracer, name = "tiered", clock } = options;
  checkObject("far", far);
  checkOptions(near, NEAR_NAMES);
  checkFunction("clock", clock);
  checkTracer(tracer, name);
  checkFunction("onUnsentWrite", options.onUnsentWrite);
  checkOneOf("serveSuspect", serveSuspect, ["never", "if-far-fails", "always"]);
  checkFar(far, nearTtl !== undefined);
  const source = sourceOf(options);
  return {
    near,
    nearTtl: nearTtl === undefined ? Infinity : milliseconds(nearTtl, "nearTtl"),
    source,
    serveSuspect,
    serveSuspectFor: milliseconds(serveSuspectFor, "serveSuspectFor"),
    retryWrites: checkInteger("retryWrites", retryWrites, 0, MOST_WRITES),
    onUnsentWrite: options.onUnsentWrite ?? reportUnsent,
    tracer,
    name,
    clock,
  };
}

function checkTracer(tracer: CacheTracer | undefined, name: unknown): void {
  if (tracer !== undefined) {
    checkObject("tracer", tracer);
    if (typeof tracer.startSpan !== "function") {
      throw wrongType("tracer.startSpan", "a function", tracer.startSpan);
    }
  }
  if (typeof name !== "string") {
    throw wrongType("name", "a string", name);
  }
}

function checkFar<V>(far: Provider<V>, hasNearTtl: boolean): void {
  const given: unknown = far;
  if (isBranded(given, "Cache")) {
    throw new TypeError(
      "isocache: far is a Cache; give its provider, and make the Cache over the tiers: new Cache({ provider: new TieredCache({ far: provider }) })",
    );
  }
  if (typeof far.invalidateTags === "function") {
    throw new TypeError(
      "isocache: far has tags, which copies in memory could not follow; put Tagged over the tiers: new Tagged(new TieredCache({ far }))",
    );
  }
  if (!hasNearTtl && !far.getEntry && !far.getWithTtl && !far.ttl) {
    throw new TypeError(
      "isocache: far does not tell how long its entries are fresh (getEntry or getWithTtl); give nearTtl, the most that a copy is kept",
    );
  }
}

function sourceOf<V>(options: TieredCacheOptions<V>): InvalidationSource | undefined {
  const { far, invalidations, nearTtl } = options;
  if (invalidations === false) {
    if (nearTtl === undefined) {
      throw new TypeError("isocache: invalidations: false needs nearTtl, which is then the oldest that a copy may be");
    }
    return undefined;
  }
  if (typeof (invalidations as InvalidationSource | undefined)?.listen === "function") {
    return invalidations as InvalidationSource;
  }
  if (invalidations !== undefined) {
    checkOptions(invalidations, ["checkInterval", "shared"]);
  }
  if (!announces(far)) {
    throw new TypeError(
      "isocache: far does not announce changed keys; give invalidations, or invalidations: false with nearTtl",
    );
  }
  return new HttpInvalidations(far, invalidations as InvalidationOptions | undefined);
}

/**
 * A view of the provider that marks its requests, so that announcements distinguish its own writes from those of
 * others.
 */
export function withOrigin<V>(far: Provider<V>, invalidations: TieredCacheOptions<V>["invalidations"]): Provider<V> {
  const { withOrigin } = far as { withOrigin?(): Provider<V> };
  const isItsOwn = invalidations === undefined || (invalidations !== false && !("listen" in invalidations));
  return isItsOwn && typeof withOrigin === "function" ? withOrigin.call(far) : far;
}

function reportUnsent(error: unknown, { operation, key }: UnsentWrite): void {
  console.warn(`isocache: a write was not sent: ${operation} of ${JSON.stringify(key)}`, error);
}
