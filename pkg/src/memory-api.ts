/** What `isocache/memory` offers. */

export { MemoryCache } from "./memory-cache.js";
export { escapeGlob } from "./prefix.js";
export type {
  CacheStats,
  EngineForm,
  Entry,
  MemoryCacheOptions,
  Policy,
  Removal,
  RemovalReason,
  SetEntry,
  SetOptions,
  Ttl,
} from "./types.js";
