// The caches whose loading calls are compared. Each becomes a function of one number that asks for an entry by it.

/** Entries; where a peer has a limit, it is this. */
export const ENTRIES = 1000;
const TTL_MS = 300_000;

const keyOf = (id) => `user:${id}`;

/**
 * `make(load)` gives an asynchronous function of a number: `load` with a cache before it. `ours` is what is held against
 * the fastest of the others.
 */
export const PEERS = [
  {
    name: 'isocache cached, key "user:{0}"',
    about: "LRU with a limit, ttl",
    ours: true,
    make: async (load) => {
      const { cached } = await import("isocache");
      return cached(load, { key: "user:{0}", ttl: "5m" });
    },
  },
  {
    name: "isocache cached",
    about: "the same with the default key, the name and a hash of all arguments",
    ours: true,
    make: async (load) => {
      const { cached } = await import("isocache");
      return cached(load, { name: "user", ttl: "5m" });
    },
  },
  {
    name: "isocache cached, key function",
    about: "the same with `key: (id) => ...`",
    ours: true,
    make: async (load) => {
      const { cached } = await import("isocache");
      return cached(load, { key: keyOf, ttl: "5m" });
    },
  },
  {
    name: "isocache getOrSet",
    about: 'the same by hand: `getOrSet("user:7", loader, "5m")`',
    ours: true,
    make: async (load) => {
      const { Cache } = await import("isocache");
      const cache = new Cache({ maxEntries: ENTRIES });
      return (id) => cache.getOrSet(keyOf(id), () => load(id), "5m");
    },
  },
  {
    name: "p-memoize",
    about: "version 9 as it comes: a Map without a limit and without a ttl, whose key is the number itself",
    make: async (load) => {
      const { default: pMemoize } = await import("p-memoize");
      return pMemoize(load);
    },
  },
  {
    name: "p-memoize, ExpiryMap",
    about:
      "with a ttl as its documentation shows: expiry-map, which has no limit and does not look at the time in lookups",
    make: async (load) => {
      const { default: pMemoize } = await import("p-memoize");
      const { default: ExpiryMap } = await import("expiry-map");
      return pMemoize(load, { cache: new ExpiryMap(TTL_MS) });
    },
  },
  {
    name: "p-memoize, quick-lru",
    about: "over quick-lru, which its documentation names: limit (up to twice as many) and ttl",
    make: async (load) => {
      const { default: pMemoize } = await import("p-memoize");
      const { default: QuickLRU } = await import("quick-lru");
      return pMemoize(load, { cache: new QuickLRU({ maxSize: ENTRIES, maxAge: TTL_MS }) });
    },
  },
  {
    name: "cache-manager wrap",
    about: "over its default store, a Map without a limit; ttl",
    make: async (load) => {
      const { createCache } = await import("cache-manager");
      const cache = createCache({ ttl: TTL_MS });
      return (id) => cache.wrap(keyOf(id), () => load(id));
    },
  },
  {
    name: "bentocache getOrSet",
    about:
      "memory L1 with a limit (lru-cache), ttl; values by reference (`serialize: false`), which is not its default",
    make: async (load) => {
      const { BentoCache, bentostore } = await import("bentocache");
      const { memoryDriver } = await import("bentocache/drivers/memory");
      const driver = memoryDriver({ maxItems: ENTRIES, serialize: false });
      const cache = new BentoCache({ default: "memory", stores: { memory: bentostore().useL1Layer(driver) } });
      return (id) => cache.getOrSet({ key: keyOf(id), factory: () => load(id), ttl: TTL_MS });
    },
  },
  {
    name: "cachified",
    about: "over lru-cache with a limit, as its documentation shows; ttl",
    make: async (load) => {
      const { cachified, totalTtl } = await import("@epic-web/cachified");
      const { LRUCache } = await import("lru-cache");
      const entries = new LRUCache({ max: ENTRIES });
      const cache = {
        get: (key) => entries.get(key),
        set: (key, entry) =>
          entries.set(key, entry, { ttl: totalTtl(entry.metadata), start: entry.metadata.createdTime }),
        delete: (key) => entries.delete(key),
      };
      return (id) => cachified({ key: keyOf(id), cache, getFreshValue: () => load(id), ttl: TTL_MS });
    },
  },
];
