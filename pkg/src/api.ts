/** What `isocache` offers. */

export type { CacheOptions } from "./cache.js";
export { Cache } from "./cache.js";
export type { CounterProvider } from "./counters.js";
export * from "./http-api.js";
export type { EntityInvalidator, EntityName, Invalidated, Remaining, Removing } from "./invalidator.js";
export { CacheInvalidator, InvalidationError } from "./invalidator.js";
export { globOf, keyOf } from "./key/key-of.js";
export type { KeyParams, KeyPattern, KeyValue } from "./key/pattern.js";
export { keyPattern } from "./key/pattern.js";
export { keys } from "./key/patterns.js";
export type { RateLimit, RateLimiterOptions } from "./limiter.js";
export { RateLimiter } from "./limiter.js";
export type { Cached, CachedDecorator, CachedOptions } from "./load/cached.js";
export { cached, defaultCache, setDefaultCache } from "./load/cached.js";
export { LoadTimeoutError } from "./load/errors.js";
export type { CacheEvents } from "./load/events.js";
export type { LoadStats } from "./load/monitor.js";
export type { Lease, LoadContext, Loader, LoadOptions } from "./load/options.js";
export * from "./memory-api.js";
export type { Provider } from "./provider.js";
export type { SessionStoreOptions, TouchProvider } from "./sessions.js";
export { SessionStore } from "./sessions.js";
export type { Generations, TaggedEntry, TaggedOptions } from "./tagged.js";
export { Tagged } from "./tagged.js";
