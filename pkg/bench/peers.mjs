// The caches that are compared. Each has `get` and `set` of its own, which the loops call without a layer between.

import { createRequire } from "node:module";

const require = createRequire(import.meta.url);

/**
 * `make({ entries, ttl })` gives a new cache for so many entries; `ttl` is in milliseconds, or undefined. `source` is what
 * a program bundles to use it.
 */
export const PEERS = [
  {
    name: "isocache",
    about: "MemoryCache; exact LRU",
    hasTtl: true,
    make: async () => {
      const { MemoryCache } = await import("isocache/memory");
      return ({ entries, ttl }) => new MemoryCache({ maxEntries: entries, ttl: ttl === undefined ? null : ttl / 1000 });
    },
  },
  {
    name: "isocache s3fifo",
    about: "MemoryCache under S3-FIFO",
    hasTtl: true,
    make: async () => {
      const { MemoryCache } = await import("isocache/memory");
      return ({ entries, ttl }) =>
        new MemoryCache({ maxEntries: entries, ttl: ttl === undefined ? null : ttl / 1000, policy: "s3fifo" });
    },
  },
  {
    name: "isocache advise",
    about: "MemoryCache with `advise`; hits only",
    hasTtl: true,
    only: "get-hit",
    make: async () => {
      const { advisor, MemoryCache } = await import("isocache/memory");
      return ({ entries, ttl }) =>
        new MemoryCache({ maxEntries: entries, ttl: ttl === undefined ? null : ttl / 1000, advise: advisor() });
    },
  },
  {
    name: "lru-cache",
    about: "exact LRU; reads the clock once a turn of the event loop",
    hasTtl: true,
    source: 'export * from "lru-cache"',
    make: async () => {
      const { LRUCache } = await import("lru-cache");
      return ({ entries, ttl }) => new LRUCache(ttl === undefined ? { max: entries } : { max: entries, ttl });
    },
  },
  {
    name: "mnemonist",
    about: "LRUMap; exact LRU; no ttl, no delete",
    hasTtl: false,
    source: `export * from ${JSON.stringify(require.resolve("mnemonist/lru-map"))}`,
    make: async () => {
      const LRUMap = require("mnemonist/lru-map");
      return ({ entries }) => new LRUMap(entries);
    },
  },
  {
    name: "quick-lru",
    about: "two generations, keeps up to twice its limit",
    hasTtl: true,
    source: 'export { default } from "quick-lru"',
    make: async () => {
      const { default: QuickLRU } = await import("quick-lru");
      return ({ entries, ttl }) =>
        new QuickLRU(ttl === undefined ? { maxSize: entries } : { maxSize: entries, maxAge: ttl });
    },
  },
  {
    name: "tiny-lru",
    about: "exact LRU",
    hasTtl: true,
    source: 'export * from "tiny-lru"',
    make: async () => {
      const { lru } = await import("tiny-lru");
      return ({ entries, ttl }) => lru(entries, ttl ?? 0);
    },
  },
  {
    name: "lru.min",
    about: "exact LRU; no ttl",
    hasTtl: false,
    source: 'export * from "lru.min"',
    make: async () => {
      const { createLRU } = await import("lru.min");
      return ({ entries }) => createLRU({ max: entries });
    },
  },
  {
    name: "Map",
    about: "the floor: no limit, no order, no ttl",
    hasTtl: false,
    unbounded: true,
    make: async () => () => new Map(),
  },
];

export const ASYNC_PEERS = [
  {
    name: "isocache",
    about: "Cache over its default provider",
    hasTtl: true,
    make: async () => {
      const { Cache } = await import("isocache");
      return ({ entries, ttl }) => new Cache({ maxEntries: entries, ttl: ttl === undefined ? null : ttl / 1000 });
    },
  },
  {
    name: "async lru-cache",
    about: "`async get(key) { return lru.get(key) }` over lru-cache",
    hasTtl: true,
    make: async () => {
      const { LRUCache } = await import("lru-cache");
      class AsyncLRU {
        #lru;
        constructor(options) {
          this.#lru = new LRUCache(options);
        }
        async get(key) {
          return this.#lru.get(key);
        }
        async set(key, value) {
          this.#lru.set(key, value);
        }
      }
      return ({ entries, ttl }) => new AsyncLRU(ttl === undefined ? { max: entries } : { max: entries, ttl });
    },
  },
  {
    name: "cache-manager",
    about: "cache-manager 7 over its default store, a Map without a limit",
    hasTtl: true,
    source: 'export * from "cache-manager"',
    make: async () => {
      const { createCache } = await import("cache-manager");
      return ({ ttl }) => createCache(ttl === undefined ? {} : { ttl });
    },
  },
];
