/** The options of a `MemoryCache`, checked and with their defaults. */

import type { AdvisorFactory } from "./advisor/types.js";
import { checkFunction, checkInteger, checkOneOf, checkOptions } from "./check.js";
import { monotonicNow } from "./clock.js";
import { MAX_ENTRIES } from "./table-options.js";
import { milliseconds } from "./ttl.js";
import type { MemoryCacheOptions, Policy, Removal } from "./types.js";

const NAMES = [
  ...["maxEntries", "maxBytes", "maxEntryBytes", "onOversize", "sizeOf", "ttl", "touchOnGet", "clone", "clock"],
  ...["onRemoval", "policy", "advise"],
];
const MOST = Number.MAX_SAFE_INTEGER;

/** The settings of a cache. Limits that are not set are `Infinity`. */
export interface Settings<V> {
  maxEntries: number;
  maxBytes: number;
  readonly maxEntryBytes: number;
  readonly onOversize: "throw" | "skip" | "keep";
  readonly sizeOf: ((value: V, key: string) => number) | undefined;
  /** In milliseconds. */
  readonly ttl: number;
  readonly touchOnGet: boolean;
  readonly policy: Policy;
  readonly advise: AdvisorFactory | undefined;
  readonly clone: boolean;
  readonly clock: () => number;
  readonly onRemoval: ((removal: Removal<V>) => unknown) | undefined;
}

/** Checks the options. @throws TypeError or RangeError that names the option. */
export function settingsOf<V>(options: MemoryCacheOptions<V>): Settings<V> {
  checkOptions(options, NAMES);
  const { maxBytes, sizeOf, ttl = null, clock = monotonicNow, onRemoval, advise } = options;
  const { onOversize = "throw", touchOnGet = false, clone = false, policy = "lru" } = options;
  checkFunction("sizeOf", sizeOf);
  checkFunction("clock", clock);
  checkFunction("onRemoval", onRemoval);
  checkFunction("advise", advise);
  checkOneOf("clone", clone, [true, false]);
  checkOneOf("touchOnGet", touchOnGet, [true, false]);
  checkOneOf("onOversize", onOversize, ["throw", "skip", "keep"]);
  checkOneOf("policy", policy, ["lru", "s3fifo"]);
  if (clone && typeof structuredClone !== "function") {
    throw new TypeError(
      "isocache: clone needs structuredClone, which this environment lacks (jsdom under Jest does); provide it as globalThis.structuredClone, or leave clone out",
    );
  }
  const bytes = entryBytes("maxBytes", maxBytes, sizeOf);
  const { maxEntries = bytes === Infinity ? 1000 : Infinity } = options;
  return {
    maxEntries: entryLimit(maxEntries),
    maxBytes: bytes,
    maxEntryBytes: entryBytes("maxEntryBytes", options.maxEntryBytes, sizeOf),
    onOversize,
    sizeOf,
    ttl: milliseconds(ttl),
    touchOnGet,
    policy,
    advise,
    clone,
    clock,
    onRemoval,
  };
}

/** Sets new limits. @throws TypeError or RangeError; nothing has then changed. */
export function resize<V>(settings: Settings<V>, maxEntries: number, maxBytes: number | undefined): void {
  const entries = entryLimit(maxEntries);
  settings.maxBytes = maxBytes === undefined ? settings.maxBytes : entryBytes("maxBytes", maxBytes, settings.sizeOf);
  settings.maxEntries = entries;
}

/** A limit on the number of entries. */
function entryLimit(limit: number): number {
  return limit === Infinity ? limit : checkInteger("maxEntries", limit, 1, MAX_ENTRIES, " or Infinity");
}

/** A limit on sizes. */
function entryBytes(name: string, limit: number | undefined, sizeOf: unknown): number {
  if (limit === undefined || limit === Infinity) {
    return Infinity;
  }
  checkInteger(name, limit, 1, MOST);
  if (sizeOf === undefined) {
    throw new TypeError(`isocache: ${name} needs the option sizeOf, which returns the size of an entry`);
  }
  return limit;
}
