/** The exports of `isocache/memory`. */

export type { Estimate } from "./advisor/advisor.js";
export { advisor } from "./advisor/index.js";
export type { AdvisorFactory } from "./advisor/types.js";
export { MemoryCache } from "./memory-cache.js";
export { escapeGlob } from "./prefix.js";
export type {
  CacheStats,
  Checked,
  EngineForm,
  Entry,
  MemoryCacheOptions,
  Policy,
  Removal,
  RemovalReason,
  SetArgument,
  SetEntry,
  SetOptions,
  Ttl,
} from "./types.js";
