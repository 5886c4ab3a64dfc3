/** The option `advise` of a `MemoryCache`: separate code, so that only caches that use it include it. */

import { Advisor } from "./advisor.js";
import type { AdvisorFactory } from "./types.js";

/**
 * The value of the option `advise` of a `MemoryCache`: the cache then estimates its hit ratios at other sizes and under
 * other policies, for `advise()`. It takes 64 KiB, and up to 64 more while it samples.
 *
 * ```js
 * import { advisor, MemoryCache } from "isocache/memory";
 *
 * const pages = new MemoryCache({ maxEntries: 100, advise: advisor() });
 * // A loop over 150 keys: LRU evicts each just before it is needed.
 * for (let at = 0; at < 1500; at++) {
 *   const key = `page:${at % 150}`;
 *   pages.get(key) ?? pages.set(key, at);
 * }
 * const [, , present, twice] = pages.advise();
 * present.maxEntries; // 100
 * present.lru < 0.01; // true
 * twice.lru > 0.85; // true
 * ```
 */
export function advisor(): AdvisorFactory {
  return (cache, onPause) => new Advisor(cache, onPause);
}
