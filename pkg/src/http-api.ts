/** The exports of `isocache/http`. */

export type { BreakerState } from "./http/breaker.js";
export { CacheError, type CacheErrorCode } from "./http/errors.js";
export { HttpCache } from "./http/http-cache.js";
export type { BinarySerializer, Serializer, TextSerializer } from "./http/serializer.js";
export type {
  AbortSignalLike,
  BatchOptions,
  BreakerOptions,
  FetchInit,
  FetchLike,
  FetchResponse,
  HttpCacheOptions,
  HttpSetOptions,
  PlatformSignal,
  RequestOptions,
} from "./http/types.js";
export { HttpInvalidations, type InvalidationOptions } from "./invalidations/http-invalidations.js";
export type {
  Invalidation,
  InvalidationListener,
  InvalidationSource,
  InvalidationSubscription,
} from "./invalidations/types.js";
export type { CacheStats, Checked, SetArgument, SetEntry, SetOptions, Ttl } from "./types.js";
