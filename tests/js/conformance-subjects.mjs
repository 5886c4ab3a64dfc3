/** What the tables of tests/vectors run against: the cache classes in memory, over each other, and over HTTP. */

/** Cases that rely on the order in which LRU evicts. */
const OF_LRU = new Set([
  "get_many refreshes recency, in the order of the keys",
  "the order of a longer history is exact",
]);

/**
 * What the cases run against: `make` creates it from the options of a MemoryCache, `stats` reads its statistics. A cache behind a
 * network also has `isRemote`, since it counts no evictions or expirations and may not know its number of entries, and `advance`
 * where the clock of its store can be moved.
 */
export const SUBJECTS = {
  MemoryCache: { make: ({ MemoryCache }, options) => new MemoryCache(options), stats: (cache) => cache.stats() },
  Cache: { make: ({ Cache }, options) => new Cache(options), stats: (cache) => cache.getStats() },
  "Cache over a MemoryCache": {
    make: ({ Cache, MemoryCache }, options) => new Cache({ provider: new MemoryCache(options) }),
    stats: (cache) => cache.getStats(),
  },
  "Tagged over a MemoryCache": {
    make: ({ MemoryCache, Tagged }, options) => new Tagged(new MemoryCache(options)),
    stats: (cache) => cache.getStats(),
  },
  "Cache over Tagged": {
    make: ({ Cache, MemoryCache, Tagged }, options) => new Cache({ provider: new Tagged(new MemoryCache(options)) }),
    stats: (cache) => cache.getStats(),
  },
  "TieredCache over a MemoryCache": {
    make: tiersOf,
    stats: (cache) => cache.getStats(),
    applies: isUnlimited,
  },
  "Cache over a TieredCache": {
    make: (classes, options) => new classes.Cache({ provider: tiersOf(classes, options) }),
    stats: (cache) => cache.getStats(),
    applies: isUnlimited,
  },
  "Tagged over a TieredCache": {
    make: (classes, options) => new classes.Tagged(tiersOf(classes, options)),
    stats: (cache) => cache.getStats(),
    applies: isUnlimited,
  },
  "MemoryCache under S3-FIFO": {
    make: ({ MemoryCache }, options) => new MemoryCache({ ...options, policy: "s3fifo" }),
    stats: (cache) => cache.stats(),
    applies: ({ name }) => !OF_LRU.has(name),
  },
};

/** Memory before memory, which announces nothing and is of one process. */
function tiersOf({ MemoryCache, TieredCache }, options) {
  const far = new MemoryCache(options);
  return new TieredCache({ far, invalidations: false, nearTtl: "1d", clock: options.clock });
}

/** Copies are not evicted when their entries are, in a store that announces nothing. */
function isUnlimited({ options }) {
  return !("max_entries" in options || "max_bytes" in options);
}

/**
 * The cases that a cache behind a network can run, and how many are left out because its clock cannot be moved (`hasClock`).
 * The limits of a shared store are set by its operator. Counters are decimal text, so a number stored by a serializer of bytes
 * cannot be incremented.
 */
export function remoteCases(conformance, hasClock, serializer) {
  const has = ({ steps }, start) => steps.some(({ op }) => op.startsWith(start));
  const unlimited = conformance.cases.filter(
    (one) =>
      !("max_entries" in one.options || "max_bytes" in one.options) &&
      !(serializer?.format === "bytes" && has(one, "increment") && has(one, "set")),
  );
  const waits = ({ steps }) => steps.some(({ op }) => op === "advance");
  const cases = hasClock ? unlimited : unlimited.filter((one) => !waits(one));
  return { cases, leftOut: unlimited.length - cases.length };
}

/**
 * The cache classes over HTTP. Each case has a namespace of its own, with a character that is special in patterns. `options` are
 * those of `HttpCache`, with `isBridge`, whether the server is the bridge, and `checkInterval`, how often tiers poll it.
 * `advance` moves the clock of the store.
 */
export function remoteSubjects({ isBridge = false, checkInterval, ...options }, advance) {
  const remote = { isRemote: true, advance, stats: (cache) => cache.getStats() };
  const http = ({ HttpCache }, { ttl }) =>
    new HttpCache({ ...options, ttl, namespace: `case*${Math.random().toString(36).slice(2)}` });
  return {
    HttpCache: { ...remote, make: http },
    "Cache over HttpCache": {
      ...remote,
      make: (classes, given) => new classes.Cache({ provider: http(classes, given) }),
    },
    "Tagged over HttpCache": { ...remote, make: (classes, given) => new classes.Tagged(http(classes, given)) },
    // What it reads is announced by the bridge; other servers announce nothing.
    ...(isBridge && {
      "TieredCache over HttpCache": {
        ...remote,
        make: (classes, given) =>
          new classes.TieredCache({
            far: http(classes, given),
            ...(checkInterval && { invalidations: { checkInterval } }),
          }),
        ready: (tiers) => tiers.ready("5m"),
        close: (tiers) => tiers.close(),
      },
    }),
  };
}
