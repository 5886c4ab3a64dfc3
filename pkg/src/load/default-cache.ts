/** The cache of functions that have a `key` or `name`, but no `cache`. */

import { Cache } from "../cache.js";
import { wrongType } from "../check.js";
import { isBranded, share, shared } from "../shared.js";

const NAME = "default-cache";

/**
 * Returns the cache of cached functions that have a `key` or `name`, but no `cache`: in memory, for 1000 entries, unless
 * `setDefaultCache` has set another. All copies of the package in a program share it.
 */
export function defaultCache(): Cache {
  return shared(NAME, () => new Cache());
}

/** Makes `defaultCache` return `cache`. Functions that were called before use it from then on, too. */
export function setDefaultCache(cache: Cache): void {
  if (!isBranded<Cache>(cache, "Cache")) {
    throw wrongType("cache", "a Cache, as new Cache({ provider })", cache);
  }
  share(NAME, cache);
}
