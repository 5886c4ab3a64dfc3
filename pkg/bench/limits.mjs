/**
 * The size limits, by entry, in bytes after minification and brotli: the only place where they stand. `engine` is the form of
 * the engine that the bundle has. `goal` is what it ought to have; the limit is what it has, so that it does not grow unnoticed.
 */

export const SIZE_LIMITS = [
  // What a program bundles that uses these and nothing else.
  { entry: "isocache", names: ["keyPattern"], limit: 1_180, goal: 1_500 },
  { entry: "isocache", names: ["MemoryCache"], limit: 18_650, goal: 9_000, engine: "js" },
  // A tenth of it tells stale entries from fresh ones in every operation.
  { entry: "isocache", names: ["HttpCache"], limit: 16_110, goal: 10_000, has: "breaker" },
  { entry: "isocache", names: ["Cache", "cached"], limit: 30_140, goal: 15_000, engine: "js" },
  { entry: "isocache", limit: 59_470, goal: 28_000, engine: "js" },
  { entry: "isocache/wasm", names: ["MemoryCache"], limit: 16_980, engine: "wasm" },
  { entry: "isocache/msgpack", limit: 6_450, has: "MessagePack" },
];

/** What reports call a bundle. */
export const named = ({ entry, names }) => (names === undefined ? entry : `{ ${names.join(", ")} } of ${entry}`);

/** The size of the installed package, in bytes. */
export const UNPACKED_LIMIT = 828_000;
