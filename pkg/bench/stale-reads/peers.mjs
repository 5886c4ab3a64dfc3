// The caches that are compared, each as its authors recommend. `open` gets the port of the line to the store, and the store
// itself; `read` goes by the line. `write` is another instance of the same cache, for those that announce only what is written
// through themselves; the others hear of any writer, and `store.write` writes directly.

import { openReader } from "../cache-reader.mjs";

/**
 * How old a read of isocache may be by its documentation, by the store: two heartbeats, in milliseconds. The others state nothing
 * of the kind; they are counted by the same measure.
 */
export const BOUNDS = { "bridge, own store": 20_000, "bridge, Redis": 20_000, Redis: 10_000 };

/** The near copies of JavaScript, over a bridge. */
async function tiers(port, { token, write }) {
  const { HttpCache, TieredCache } = await import("isocache");
  const far = new HttpCache({ url: `http://127.0.0.1:${port}`, token });
  const cache = new TieredCache({ far });
  await cache.ready();
  return { read: (key) => cache.get(key), write, close: () => cache.close() };
}

/** A cache in Rust, in a process of its own. */
const rust =
  (kind) =>
  async (port, { write }) => ({ ...(await openReader(kind, port)), write });

export const PEERS = [
  {
    name: "isocache `TieredCache`, bridge with its own store",
    about: "as it comes; others write through the bridge",
    store: "bridge, own store",
    open: tiers,
  },
  {
    name: "isocache `TieredCache`, bridge before Redis",
    about: "as it comes; others write directly in Redis",
    store: "bridge, Redis",
    open: tiers,
  },
  {
    name: "isocache `TieredCacheProvider`, Redis",
    about: "Rust, as it comes; others write directly in Redis",
    store: "Redis",
    open: rust("tiered"),
  },
  {
    name: "redis-rs `cache-aio`",
    about: "`ConnectionManager`, which connects again, with `CacheConfig::new()`; others write directly in Redis",
    store: "Redis",
    open: rust("redis-rs"),
  },
  {
    name: "node-redis `clientSideCache`",
    about: "RESP 3 and the options of its README; others write directly in Redis",
    store: "Redis",
    async open(port, { write }) {
      const { createClient } = await import("redis");
      const client = createClient({
        url: `redis://127.0.0.1:${port}`,
        RESP: 3,
        clientSideCache: { ttl: 0, maxEntries: 0, evictPolicy: "LRU" },
      });
      client.on("error", () => undefined);
      await client.connect();
      const numberOf = (text) => (text === null ? undefined : Number(text));
      return { read: async (key) => numberOf(await client.get(key)), write, close: () => client.destroy() };
    },
  },
  {
    name: "bentocache",
    about:
      "memory of 10 MB, Redis and the Redis bus, as the page on several tiers of its documentation; a second instance writes",
    store: "Redis",
    async open(port, store) {
      const { BentoCache, bentostore } = await import("bentocache");
      const { memoryDriver } = await import("bentocache/drivers/memory");
      const { redisDriver, redisBusDriver } = await import("bentocache/drivers/redis");
      const { Redis } = await import("ioredis");
      const made = (at) => {
        const connect = () => {
          const connection = new Redis({ host: "127.0.0.1", port: at });
          connection.on("error", () => undefined);
          return connection;
        };
        const tier = bentostore()
          .useL1Layer(memoryDriver({ maxSize: "10mb" }))
          .useL2Layer(redisDriver({ connection: connect() }))
          .useBus(redisBusDriver({ connection: { host: "127.0.0.1", port: at } }));
        return new BentoCache({ default: "tiers", stores: { tiers: tier }, ttl: "1h" });
      };
      const [reader, writer] = [made(port), made(store.port)];
      return {
        read: (key) => reader.get({ key }),
        write: (key, value) => writer.set({ key, value }),
        close: () => Promise.all([reader.disconnectAll(), writer.disconnectAll()]),
      };
    },
  },
  {
    name: "cacheable",
    about:
      "`KeyvRedis` as secondary store, and its `sync` by `RedisMessageProvider`, as its README; a second instance writes",
    store: "Redis",
    async open(port, store) {
      const { Cacheable } = await import("cacheable");
      const { default: KeyvRedis } = await import("@keyv/redis");
      const { RedisMessageProvider } = await import("@qified/redis");
      const made = (at) => {
        const secondary = new KeyvRedis(`redis://127.0.0.1:${at}`);
        secondary.on("error", () => undefined);
        const qified = new RedisMessageProvider({ uri: `redis://127.0.0.1:${at}` });
        // Without listeners, the first broken connection ends the process.
        for (const client of [qified.pub, qified.sub]) {
          client.on("error", () => undefined);
        }
        const cache = new Cacheable({ secondary, sync: { qified } });
        cache.on("error", () => undefined);
        return cache;
      };
      const [reader, writer] = [made(port), made(store.port)];
      return {
        read: (key) => reader.get(key),
        write: (key, value) => writer.set(key, value),
        close: () => Promise.all([reader.disconnect(), writer.disconnect()]),
      };
    },
  },
];
