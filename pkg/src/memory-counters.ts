/** Counters in a `MemoryCache`. */

import { checkInteger, quote } from "./check.js";
import { type BoundedIncrement, checkedBounds, type IncrementWithinOptions } from "./counters.js";
import type { MemoryScope } from "./memory-scope.js";
import type { Write } from "./memory-write.js";
import { resolveTtl, writeOptions } from "./write-options.js";

const MOST = Number.MAX_SAFE_INTEGER;

/** As `MemoryCache.increment`. */
export function increment<V>(scope: MemoryScope<V>, key: string, by: number, options: unknown): number {
  checkInteger("by", by, -MOST, MOST);
  const slot = scope.find(key);
  const sum = checkInteger(`the sum under key ${quote(key)}`, count(scope, key, slot) + by, -MOST, MOST);
  const write = fitting(scope.checked(key, sum as V, options));
  const { table } = scope;
  scope.store(slot === undefined ? write : { ...write, ttl: table.remaining(slot), ownTtl: table.ownTtl(slot) });
  return sum;
}

/** As `MemoryCache.incrementWithin`. */
export function incrementWithin<V>(
  scope: MemoryScope<V>,
  key: string,
  by: number,
  options: IncrementWithinOptions,
): BoundedIncrement {
  const { floor, ceiling, ttl } = checkedBounds(by, options);
  const before = Math.max(count(scope, key, scope.find(key)), floor);
  const stored = before + by <= ceiling;
  const sum = stored ? before + by : before;
  const write = fitting(scope.checked(key, sum as V, writeOptions(resolveTtl(ttl, scope.settings.ttl))));
  if (stored) {
    scope.store(write);
  } else {
    scope.report();
  }
  return { stored, count: sum };
}

function count<V>(scope: MemoryScope<V>, key: string, slot: number | undefined): number {
  const value: unknown = slot === undefined ? 0 : scope.table.contents.value(slot);
  if (!Number.isSafeInteger(value)) {
    throw new TypeError(`isocache: key ${quote(key)} holds a value that is not a counter; delete it first`);
  }
  return value as number;
}

/** Refuses a write that is too large, whatever `onOversize` says: a count must not be lost. */
function fitting<V>(write: Write<V>): Write<V> {
  if (typeof write.weight !== "number") {
    throw write.weight;
  }
  return write;
}
