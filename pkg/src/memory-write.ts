/** Writes to the table of a `MemoryCache`: their checks, and the handling of entries that are too large. */

import { checkInteger, checkText, checkValue, quote } from "./check.js";
import type { Settings } from "./memory-options.js";
import type { Table } from "./table.js";

const MOST = Number.MAX_SAFE_INTEGER;

/** A checked write. */
export interface Write<V> {
  /** With the namespace. */
  readonly key: string;
  readonly value: V;
  /** The size of the entry, or the error for one that is too large. */
  readonly weight: number | RangeError;
  /** In milliseconds; 0 if the entry has already expired. */
  readonly ttl: number;
  /** In milliseconds. */
  readonly staleFor: number;
  /** The ttl that hits restart, if it is not `ttl`. */
  readonly ownTtl?: number | undefined;
}

/** Copies a value on the way in or out, if `clone` is set. */
export function copied<T>({ clone }: { readonly clone: boolean }, value: T): T {
  return clone ? structuredClone(value) : value;
}

/** Checks a write of `value` under `key`, which is `whole` with its namespace. Changes nothing. */
export function checkedWrite<V>(
  settings: Settings<V>,
  whole: string,
  key: string,
  value: V,
  { ttl, staleFor }: Pick<Write<V>, "ttl" | "staleFor">,
): Write<V> {
  checkValue(key, value);
  // A key that is in the table was checked when it was stored.
  return { key: whole, value: copied(settings, value), weight: weigh(settings, whole, key, value), ttl, staleFor };
}

/** The size of an entry, or the error for one that is too large. */
function weigh<V>(settings: Settings<V>, whole: string, key: string, value: V): number | RangeError {
  const { sizeOf, maxBytes, maxEntryBytes } = settings;
  if (sizeOf === undefined) {
    return 0;
  }
  checkText(whole);
  const weight = checkInteger("sizeOf(value, key)", sizeOf(value, key), 0, MOST);
  const [name, limit] = maxEntryBytes < maxBytes ? ["maxEntryBytes", maxEntryBytes] : ["maxBytes", maxBytes];
  return weight <= limit
    ? weight
    : new RangeError(`isocache: value of key ${quote(key)} has size ${weight}, over ${name} ${limit}`);
}

/**
 * Stores an entry, or removes the older one if it has already expired. Returns the error for the caller, who first
 * reports the removed entries.
 */
export function store<V>(table: Table<V>, settings: Settings<V>, write: Write<V>): RangeError | undefined {
  const { key, value, weight, ttl, staleFor, ownTtl } = write;
  const isOversize = typeof weight !== "number";
  if (isOversize && settings.onOversize === "keep") {
    return undefined;
  }
  if (isOversize || ttl === 0) {
    checkText(key);
    // An older value could be mistaken for the new one.
    table.delete(key);
    return isOversize && settings.onOversize === "throw" ? weight : undefined;
  }
  return table.set(key, value, weight, ttl, staleFor, ownTtl) ? undefined : outOfMemory(key);
}

export function outOfMemory(key: string): RangeError {
  return new RangeError(`isocache: out of memory while storing key ${quote(key)}`);
}
