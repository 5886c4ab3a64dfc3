/** What `isocache/memory` offers. */

export { MemoryCache } from "./memory-cache.js";
export type {
  CacheStats,
  Eviction,
  EvictReason,
  MemoryCacheOptions,
  SetEntry,
  SetOptions,
  Ttl,
} from "./types.js";
