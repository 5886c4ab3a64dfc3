// A MemoryCache whose time a test sets, with a log of what leaves it.

import { MemoryCache } from "isocache";

export function timed(options = {}) {
  const left = [];
  const time = { now: 1_000_000 };
  const cache = new MemoryCache({
    clock: () => time.now,
    onRemoval: ({ key, value, reason }) => left.push([key, value, reason]),
    ...options,
  });
  return { cache, left, time };
}
