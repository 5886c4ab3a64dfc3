/**
 * The size limits, by entry, in bytes after minification and brotli: the only place where they stand. `engine` is the form of
 * the engine that the bundle has.
 */

export const SIZE_LIMITS = [
  // What a program bundles that uses these and nothing else.
  { entry: "isocache", names: ["keyPattern"], limit: 1_500 },
  { entry: "isocache", names: ["MemoryCache"], limit: 20_800, engine: "js" },
  // A tenth of it tells stale entries from fresh ones in every operation.
  { entry: "isocache", names: ["HttpCache"], limit: 16_000, has: "breaker" },
  { entry: "isocache", names: ["Cache", "cached"], limit: 32_000, engine: "js" },
  { entry: "isocache", limit: 58_500, engine: "js" },
  { entry: "isocache/wasm", names: ["MemoryCache"], limit: 17_800, engine: "wasm" },
  { entry: "isocache/msgpack", limit: 6_500, has: "MessagePack" },
];
