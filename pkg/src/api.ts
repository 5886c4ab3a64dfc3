/** What `isocache` offers. */

export type { CacheOptions, Provider } from "./cache.js";
export { Cache } from "./cache.js";
export * from "./http-api.js";
export { globOf, keyOf } from "./key/key-of.js";
export type { KeyParams, KeyPattern, KeyValue } from "./key/pattern.js";
export { keyPattern } from "./key/pattern.js";
export { keys } from "./key/patterns.js";
export * from "./memory-api.js";
