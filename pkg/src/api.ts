/** What `isocache` offers. */

export type { CacheOptions, Provider } from "./cache.js";
export { Cache } from "./cache.js";
export * from "./http-api.js";
export * from "./memory-api.js";
