// Statistics: hits and misses are the lookups of callers. Tags, limiters and sessions in the same store look up without being
// counted. In memory, in a Cache, and over HTTP.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Cache, MemoryCache, RateLimiter, SessionStore, Tagged } from "isocache";
import { stores } from "./support/stores.mjs";

const STORES = stores();
const lookups = async (store) => {
  const { hits, misses } = await (store.getStats?.() ?? store.stats());
  return { hits, misses };
};

for (const [name, make] of Object.entries(STORES)) {
  test(`${name}: four reads of one user under a limiter are four hits`, async () => {
    for (const kind of ["fixedWindow", "slidingWindow", "tokenBucket"]) {
      const store = make();
      const limiter = RateLimiter[kind](store, 100, "1m");
      await store.set("user:1", { name: "Ada" });
      for (let read = 0; read < 4; read++) {
        assert.ok((await limiter.check("10.0.0.7", "/users")).allowed);
        await limiter.peek("10.0.0.7", "/users");
        assert.deepEqual(await store.get("user:1"), { name: "Ada" });
      }
      await limiter.reset("10.0.0.7", "/users");
      assert.deepEqual(await lookups(store), { hits: 4, misses: 0 }, kind);
    }
  });

  test(`${name}: the lookups of tags are not counted`, async () => {
    const store = make();
    const cache = new Cache({ provider: new Tagged(store) });
    await cache.set("user:1", "Ada", { tags: ["org:7", "people"] });
    await cache.set("user:2", "Bo", { tags: ["org:8"] });
    assert.equal(await cache.get("user:1"), "Ada");
    assert.deepEqual(await cache.getMany(["user:1", "user:2", "user:3"]), ["Ada", "Bo", undefined]);
    assert.equal(await cache.has("user:1"), true);
    assert.equal(await cache.has("user:4"), false);
    await cache.invalidateTags(["org:8"]);
    assert.deepEqual(await lookups(store), { hits: 3, misses: 1 });
  });

  test(`${name}: the lookups of sessions are not counted`, async () => {
    const store = make();
    const sessions = new SessionStore(store, { ttl: "1h", absoluteLimit: "12h" });
    const token = await sessions.create("laptop", { user: 7 });
    assert.equal(await sessions.get(token), "laptop");
    assert.equal(await sessions.get("0".repeat(64)), undefined);
    const rotated = await sessions.rotate(token);
    assert.equal(await sessions.get(rotated), "laptop");
    assert.equal((await sessions.all(7)).length, 1);
    assert.equal(await sessions.destroyAll(7), 1);
    assert.deepEqual(await lookups(store), { hits: 0, misses: 0 });
  });

  test(`${name}: nor are those of sessions with tags, and a token is used up once`, async () => {
    const store = make();
    const tagged = new Tagged(store);
    const sessions = new SessionStore(tagged, { ttl: "1h" });
    const token = await sessions.create("laptop");
    assert.equal(await sessions.get(token), "laptop");
    assert.equal(await sessions.get("0".repeat(64)), undefined);
    const rotated = await Promise.all([sessions.rotate(token), sessions.rotate(token)]);
    assert.equal(rotated.filter((one) => one !== undefined).length, 1);
    await tagged.set(`session:${"1".repeat(64)}`, "tablet", { tags: ["people"] });
    assert.equal(await sessions.get("1".repeat(64)), "tablet");
    await tagged.invalidateTags(["people"]);
    assert.equal(await sessions.get("1".repeat(64)), undefined);
    assert.deepEqual(await lookups(store), { hits: 0, misses: 0 });
    // Those of callers are.
    await tagged.set("a", 1, { tags: ["x"] });
    assert.equal(await tagged.getAndTouch("a", "1h"), 1);
    assert.equal(await tagged.getAndDelete("a"), 1);
    assert.equal(await tagged.getAndDelete("a"), undefined);
    assert.deepEqual(await lookups(store), { hits: 2, misses: 1 });
  });
}

test("in memory, an uncounted lookup counts as a use, so its entry is not evicted first", async () => {
  const store = new MemoryCache({ maxEntries: 3 });
  const sessions = new SessionStore(store, { ttl: "1h" });
  const token = await sessions.create("Ada");
  store.set("a", 1);
  store.set("b", 2);
  await sessions.get(token);
  store.set("c", 3);
  assert.equal(await sessions.get(token), "Ada");
  assert.equal(store.has("a"), false);
});
