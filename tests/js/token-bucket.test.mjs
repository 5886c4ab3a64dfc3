// The token bucket: its bound for any arrivals and any number of callers at once, in memory, through the bridge and through the
// bridge over Redis; and stores that cannot keep one.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Cache, MemoryCache, RateLimiter } from "isocache";
import { startRedis } from "../support/redis.mjs";
import { startBridge } from "./http/support/servers.mjs";
import { LongLived } from "./support/long-lived.mjs";
import { random as seeded } from "./support/random.mjs";

let redis;
const bridges = {};
before(async () => {
  bridges.memory = await startBridge();
  redis = await startRedis();
  bridges.redis = await startBridge("--store", redis.url);
});
after(async () => {
  await bridges.memory?.close();
  await bridges.redis?.close();
  await redis?.close();
});
let spaces = 0;
const through = (bridge, namespace = `bucket${spaces++}`) =>
  new LongLived({ url: bridge.url, timeout: "5m", token: bridge.token, namespace });

const WINDOW = 1000;

/** A bucket in memory, whose time is that of the bucket. */
const inMemory = (limit, clock) => RateLimiter.tokenBucket(new MemoryCache({ clock }), limit, `${WINDOW}ms`, { clock });

test("in any time s, at most limit * (1 + s / window) requests are allowed, and never fewer than tokens have come", async () => {
  for (let seed = 1; seed <= 60; seed++) {
    const random = seeded(seed);
    const limit = 1 + random(20);
    let now = 10_000;
    const bucket = inMemory(limit, () => now);
    const allowed = [];
    // What an exact bucket has, in tokens times the window.
    let exact = limit * WINDOW;
    for (let at = 0; at < 200; at++) {
      const pause = random(random(7) === 0 ? 2 * WINDOW : 1 + random(60));
      now += pause;
      exact = Math.min(exact + pause * limit, limit * WINDOW);
      const cost = 1 + random(Math.min(3, limit));
      const answer = await bucket.checkKey("k", { cost });
      assert.equal(answer.allowed, exact >= cost * WINDOW, `seed ${seed}, request ${at}`);
      exact -= answer.allowed ? cost * WINDOW : 0;
      assert.equal(answer.remaining, Math.floor(exact / WINDOW), `seed ${seed}, request ${at}`);
      assert.ok(answer.resetAfter <= WINDOW, `${answer.resetAfter}`);
      for (let count = 0; answer.allowed && count < cost; count++) {
        allowed.push(now);
      }
    }
    for (const [at, first] of allowed.entries()) {
      for (let to = at; to < allowed.length; to++) {
        assert.ok((to - at + 1) * WINDOW <= limit * (WINDOW + allowed[to] - first), `seed ${seed}`);
      }
    }
  }
});

test("a client that sends its limit at once, once in a window, is never refused", async () => {
  let now = 123_456;
  const bucket = inMemory(10, () => now);
  for (let burst = 0; burst < 20; burst++, now += WINDOW) {
    for (let request = 0; request < 10; request++) {
      assert.ok((await bucket.checkKey("k")).allowed, `burst ${burst}, request ${request}`);
    }
  }
});

/** What makes clients of one store, at a time. */
const STORES = {
  "in memory": (namespace, clock) => {
    const provider = new MemoryCache({ clock });
    return () => new Cache({ provider, namespace });
  },
  "through the bridge": (namespace) => () => through(bridges.memory, namespace),
  "through the bridge over Redis": (namespace) => () => through(bridges.redis, namespace),
};

for (const [name, make] of Object.entries(STORES)) {
  test(`${name}, many callers of several clients never get more than the bucket has, and no fewer`, async () => {
    let now = 5_000;
    const clock = () => now;
    const client = make(`together${spaces++}`, clock);
    const buckets = Array.from({ length: 4 }, () => RateLimiter.tokenBucket(client(), 25, `${WINDOW}ms`, { clock }));
    const together = async () => {
      const checks = buckets.flatMap((bucket) => Array.from({ length: 25 }, () => bucket.checkKey("k")));
      return (await Promise.all(checks)).filter(({ allowed }) => allowed).length;
    };
    assert.equal(await together(), 25);
    assert.equal(await together(), 0);
    now += 200;
    assert.equal(await together(), 5);
    now += 60_000;
    assert.equal(await together(), 25);
    assert.equal(await buckets[0].resetKey("k"), true);
    assert.equal(await together(), 25);
  });
}

test("a store that cannot count within bounds in one step is refused", async () => {
  const counters = { increment: () => 1, getMany: (keys) => keys.map(() => undefined) };
  assert.throws(() => RateLimiter.tokenBucket(counters, 1, "1s"), /counters have no method incrementWithin/);
  assert.ok((await RateLimiter.fixedWindow(counters, 1, "1s").checkKey("k")).allowed);
  // A Cache over such a store has the method, and says what its provider lacks.
  const store = new MemoryCache();
  const provider = Object.fromEntries(
    ["get", "set", "delete", "has", "clearPattern", "stats", "increment", "getMany"].map((method) => [
      method,
      (...args) => store[method](...args),
    ]),
  );
  const limiter = RateLimiter.tokenBucket(new Cache({ provider }), 1, "1s", { onStoreError: "allow" });
  const { error } = await limiter.checkKey("k");
  assert.match(`${error}`, /incrementWithin needs a provider with the method incrementWithin/);
});

test("rates and times that a bucket cannot keep are refused by name", () => {
  const make = (limit, window) => RateLimiter.tokenBucket(new MemoryCache(), limit, window);
  assert.throws(() => make(123_457, "1s"), /^RangeError: isocache: limit must be at most 10 tokens in a millisecond/);
  assert.throws(() => make(999, "2990000000000001ms"), /^RangeError: isocache: window must be shorter/);
  make(1_000_000, "1s");
  make(2 ** 32, "30d");
});
