// Compiled, not run: the types of tiers, and of the announcements that they listen to.

import {
  Cache,
  HttpCache,
  HttpInvalidations,
  type InvalidationSource,
  MemoryCache,
  RateLimiter,
  SessionStore,
  Tagged,
  TieredCache,
  type TierStats,
  type UnsentWrite,
} from "isocache";

interface User {
  name: string;
}

export async function tiers(): Promise<void> {
  const far = new HttpCache<User>({ url: "http://127.0.0.1" });
  const tiered = new TieredCache<User>({
    far,
    near: { maxEntries: 10, maxBytes: 1000, sizeOf: (user) => user.name.length, policy: "s3fifo" },
    nearTtl: "30s",
    invalidations: { checkInterval: "5s" },
    serveSuspect: "if-far-fails",
    serveSuspectFor: "1m",
    retryWrites: 100,
    onUnsentWrite: (error, write) => {
      same<typeof error, unknown>(true);
      same<typeof write, UnsentWrite>(true);
    },
  });
  same<Awaited<ReturnType<typeof tiered.ready>>, void>(true);
  same<ReturnType<typeof tiered.tierStats>, TierStats>(true);
  same<TierStats["link"], "connected" | "suspect" | "disconnected">(true);
  const hit = await tiered.get("a");
  same<typeof hit, User | undefined>(true);
  await tiered.set("a", { name: "Ada" }, "5m");
  new TieredCache({ far: new MemoryCache<User>(), invalidations: false, nearTtl: 5 });

  // It is a provider as any other.
  const cache = new Cache<User>({ provider: tiered });
  same<Awaited<ReturnType<typeof cache.get>>, User | undefined>(true);
  new Cache({ provider: new Tagged<User>(tiered), ttl: "5m" });
  RateLimiter.fixedWindow(new TieredCache({ far: new HttpCache({ url: "http://127.0.0.1" }) }), 10, "1m");
  new SessionStore<User>(new TieredCache({ far: new HttpCache({ url: "http://127.0.0.1" }) }), { ttl: "20m" });

  // @ts-expect-error Another value.
  await tiered.set("a", 1);
  // @ts-expect-error A far provider is wanted.
  new TieredCache({});
  // @ts-expect-error No such option.
  new TieredCache({ far, ttl: "5m" });
  // @ts-expect-error Copies have the ttl of their entries.
  new TieredCache({ far, near: { ttl: "5m" } });
  // @ts-expect-error No such choice.
  new TieredCache({ far, serveSuspect: "sometimes" });
}

export async function announcements(): Promise<void> {
  const http = new HttpCache({ url: "http://127.0.0.1" });
  const source: InvalidationSource = new HttpInvalidations(http, { checkInterval: "5s" });
  const subscription = source.listen((event) => {
    if (event.type === "keys") {
      same<typeof event.keys, readonly string[]>(true);
      same<typeof event.own, readonly string[]>(true);
    } else if (event.type === "lost") {
      same<typeof event.error, unknown>(true);
    } else {
      same<typeof event.position, string>(true);
    }
  });
  subscription.close();
  for await (const event of new HttpInvalidations(http)) {
    same<typeof event.type, "hello" | "keys" | "all" | "reset" | "heartbeat" | "lost">(true);
  }
  new TieredCache({ far: http, invalidations: source });
  // @ts-expect-error Only an event of keys has keys.
  source.listen((event) => event.keys);
  // @ts-expect-error It announces the keys of an HttpCache.
  new HttpInvalidations(new MemoryCache());
}
