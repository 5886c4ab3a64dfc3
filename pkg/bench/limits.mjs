/** The size limits, by entry, in bytes after minification and brotli: the only place where they stand. */

export const SIZE_LIMITS = [
  { entry: "isocache/memory", limit: 14_000 },
  { entry: "isocache", limit: 40_000 },
  // What a program bundles that uses the caches and nothing else.
  { entry: "isocache", names: ["Cache", "CacheError", "HttpCache", "MemoryCache"], limit: 32_000 },
  // A third of it is operations (keys, touch, replace, ...), envelopes, and errors that say what to do.
  { entry: "isocache/http", limit: 14_500, wasm: false, has: "breaker" },
  { entry: "isocache/msgpack", limit: 7_000, wasm: false, has: "MessagePack" },
];
