// Cache: namespaces, providers of one's own, and the end.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Cache, MemoryCache } from "isocache";

/** A provider as a user would write it, over a Map. It notes what it is asked; `batch` adds the methods for many. */
function handMade({ batch, later }) {
  const entries = new Map();
  const calls = [];
  const answer = (value) => (later ? Promise.resolve(value) : value);
  const noted =
    (name, act) =>
    (...args) => {
      calls.push([name, ...args]);
      return answer(act(...args));
    };
  const provider = {
    get: noted("get", (key) => entries.get(key)),
    set: noted("set", (key, value) => void entries.set(key, value)),
    delete: noted("delete", (key) => entries.delete(key)),
    has: noted("has", (key) => entries.has(key)),
    clearPattern: noted("clearPattern", () => 7),
    stats: noted("stats", () => ({ hits: 1 })),
  };
  const many = {
    getMany: noted("getMany", (keys) => keys.map((key) => entries.get(key))),
    setMany: noted("setMany", (all) =>
      all.forEach(({ key, value }) => {
        entries.set(key, value);
      }),
    ),
    deleteMany: noted("deleteMany", (keys) => keys.filter((key) => entries.delete(key)).length),
    close: noted("close", () => entries.clear()),
  };
  return { provider: batch ? { ...provider, ...many } : provider, entries, calls };
}

describe("over its own MemoryCache", () => {
  test("each method answers with a promise", async () => {
    const cache = new Cache({ maxEntries: 3 });
    const pending = cache.set("a", 1);
    assert.ok(pending instanceof Promise);
    assert.equal(await pending, undefined);
    assert.equal(await cache.get("a"), 1);
    assert.equal(await cache.get("b"), undefined);
    assert.equal(await cache.has("a"), true);
    assert.equal(await cache.exists("b"), false);
    assert.equal(
      await cache.setMany([
        { key: "b", value: null },
        { key: "c", value: 3, ttl: "5m" },
      ]),
      undefined,
    );
    assert.deepEqual(await cache.getMany(["c", "x", "b"]), [3, undefined, null]);
    assert.equal(await cache.deleteMany(["a", "a", "x"]), 1);
    assert.equal(await cache.delete("b"), true);
    assert.equal(await cache.delete("b"), false);
    assert.equal(await cache.clearPattern("?"), 1);
    assert.equal(await cache.clear(), undefined);
    const { hits, misses, sets, deletes, entries } = await cache.getStats();
    assert.deepEqual({ hits, misses, sets, deletes, entries }, { hits: 3, misses: 2, sets: 3, deletes: 3, entries: 0 });
  });

  test("options reach the MemoryCache", async () => {
    let now = 1000;
    const left = [];
    const cache = new Cache({
      maxEntries: 2,
      ttl: "1s",
      clone: true,
      clock: () => now,
      onRemoval: ({ key, reason }) => left.push([key, reason]),
      namespace: "n",
    });
    const value = { deep: [] };
    await cache.set("a", value);
    assert.deepEqual(await cache.get("a"), value);
    assert.notEqual(await cache.get("a"), value);
    await cache.set("b", 1, null);
    await cache.set("c", 1);
    now += 1000;
    assert.deepEqual(await cache.getMany(["a", "b", "c"]), [undefined, 1, undefined]);
    assert.deepEqual(left, [
      ["n:a", "evicted"],
      ["n:c", "expired"],
    ]);
  });

  test("a ttl is an option, or alone", async () => {
    let now = 1000;
    const cache = new Cache({ clock: () => now });
    await cache.set("a", 1, "1s");
    await cache.set("b", 1, { ttl: 2 });
    await cache.set("c", 1, {});
    now += 1000;
    assert.deepEqual(await cache.getMany(["a", "b", "c"]), [undefined, 1, 1]);
    now += 1000;
    assert.deepEqual(await cache.getMany(["a", "b", "c"]), [undefined, undefined, 1]);
  });
});

describe("namespaces", () => {
  /** A cache that has an entry `id` in each of these namespaces, and one in none. */
  async function filled(...prefixes) {
    const memory = new MemoryCache();
    const cache = new Cache({ provider: memory });
    await cache.set("id", "top");
    for (const prefix of prefixes) {
      await cache.namespace(prefix).set("id", prefix);
    }
    return { memory, cache };
  }

  test("are separate, also where one begins as another", async () => {
    const { memory, cache } = await filled("users", "usersAbc", "user");
    assert.deepEqual([...memory.keys()], ["user:id", "usersAbc:id", "users:id", "id"]);
    assert.equal(await cache.namespace("users").get("id"), "users");
    assert.equal(await cache.namespace("users").delete("none"), false);
    await cache.namespace("users").clear();
    assert.deepEqual([...memory.keys()].toSorted(), ["id", "user:id", "usersAbc:id"]);
    assert.equal(await cache.namespace("user").clearPattern("*"), 1);
    assert.deepEqual([...memory.keys()].toSorted(), ["id", "usersAbc:id"]);
    await cache.clear();
    assert.equal(memory.size, 0);
  });

  test("of glob characters mean themselves", async () => {
    const odd = ["*", "u?er", "[a-z]", "a\\", "a\\*", "[^a]", "]", "{a,b}", "é", "😀", "a b", "-", "^"];
    for (const prefix of odd) {
      const { memory, cache } = await filled(...odd, "user", "q", "a", "aX", "b", "X");
      const before = memory.size;
      const space = cache.namespace(prefix);
      await space.set("other", 1);
      assert.equal(await space.get("id"), prefix);
      assert.equal(await space.clearPattern("o*"), 1);
      await space.clear();
      assert.equal(memory.size, before - 1, prefix);
      assert.equal(await space.get("id"), undefined);
    }
  });

  test("nest", async () => {
    const { memory, cache } = await filled();
    const nested = cache.namespace("a").namespace("b");
    await nested.set("id", 1);
    assert.equal(await cache.namespace("a:b").get("id"), 1);
    assert.equal(await cache.namespace("a").get("b:id"), 1);
    assert.equal(await cache.get("a:b:id"), 1);
    await cache.namespace("a").set("id", 2);
    await nested.clear();
    assert.deepEqual([...memory.keys()].toSorted(), ["a:id", "id"]);
    await cache.namespace("b").clear();
    assert.equal(memory.size, 2);
    await cache.namespace("a").clear();
    assert.deepEqual([...memory.keys()], ["id"]);
  });

  test("are the same by option, with and without the colon", async () => {
    const provider = new MemoryCache();
    await new Cache({ provider, namespace: "n" }).set("a", 1);
    assert.equal(await new Cache({ provider, namespace: "n:" }).get("a"), 1);
    assert.equal(await new Cache({ provider }).namespace("n:").get("a"), 1);
    assert.equal(await new Cache({ provider, namespace: "n" }).namespace("m").get("a"), undefined);
    assert.deepEqual([...provider.keys()], ["n:a"]);
  });

  test("share limits, statistics and the default ttl", async () => {
    let now = 1000;
    const cache = new Cache({ maxEntries: 2, ttl: "1s", clock: () => now });
    await cache.namespace("a").set("id", 1);
    await cache.namespace("b").set("id", 1);
    await cache.namespace("c").set("id", 1);
    assert.equal(await cache.namespace("a").get("id"), undefined);
    assert.deepEqual(await cache.namespace("b").getStats(), await cache.getStats());
    now += 1000;
    assert.equal(await cache.namespace("c").has("id"), false);
  });

  test("work for the methods of many keys", async () => {
    const memory = new MemoryCache();
    const space = new Cache({ provider: memory }).namespace("n");
    await space.setMany([
      { key: "a", value: 1 },
      { key: "b", value: 2 },
    ]);
    assert.deepEqual([...memory.keys()], ["n:b", "n:a"]);
    assert.deepEqual(await space.getMany(["b", "a"]), [2, 1]);
    assert.equal(await space.deleteMany(["a", "b", "n:a"]), 2);
  });
});

for (const batch of [false, true]) {
  for (const later of [false, true]) {
    describe(`over a provider of one's own, ${later ? "asynchronous" : "synchronous"}, ${batch ? "with" : "without"} the methods for many`, () => {
      test("all methods", async () => {
        const { provider, entries, calls } = handMade({ batch, later });
        const cache = new Cache({ provider, namespace: "n", ttl: "5m" });
        await cache.set("a", 1);
        await cache.set("b", 2, "1s");
        await cache.set("c", 3, { ttl: null });
        assert.deepEqual(calls.splice(0), [
          ["set", "n:a", 1, { ttl: "300000ms" }],
          ["set", "n:b", 2, { ttl: "1000ms" }],
          ["set", "n:c", 3, { ttl: null }],
        ]);
        assert.equal(await cache.get("a"), 1);
        assert.equal(await cache.get("x"), undefined);
        assert.equal(await cache.has("a"), true);
        assert.equal(await cache.exists("x"), false);
        assert.equal(await cache.delete("a"), true);
        assert.equal(await cache.clearPattern("u*"), 7);
        assert.deepEqual(await cache.getStats(), { hits: 1 });
        assert.deepEqual(calls.splice(0), [
          ["get", "n:a"],
          ["get", "n:x"],
          ["has", "n:a"],
          ["has", "n:x"],
          ["delete", "n:a"],
          ["clearPattern", "n:u*"],
          ["stats"],
        ]);
        await cache.setMany([
          { key: "d", value: 4 },
          { key: "e", value: 5, ttl: "1s" },
        ]);
        assert.deepEqual(await cache.getMany(["e", "x", "d"]), [5, undefined, 4]);
        assert.equal(await cache.deleteMany(["d", "x", "e"]), 2);
        assert.deepEqual(
          calls.splice(0).map(([name]) => name),
          batch
            ? ["setMany", "getMany", "deleteMany"]
            : ["set", "set", "get", "get", "get", "delete", "delete", "delete"],
        );
        await cache.clear();
        assert.deepEqual(calls.splice(0), [["clearPattern", "n:*"]]);
        await cache.close();
        await cache.close();
        assert.deepEqual(calls, batch ? [["close"]] : []);
        assert.equal(entries.size, batch ? 0 : 2);
      });

      test("what the provider does not see: bad arguments", async () => {
        const { provider, calls } = handMade({ batch, later });
        const cache = new Cache({ provider, namespace: "n" });
        const refused = (error) => error instanceof TypeError || error instanceof RangeError;
        for (const call of [
          cache.set("a", undefined),
          cache.set("a", 1, -1),
          cache.set("a", 1, "5 minutes"),
          cache.set("a\ud800", 1),
          cache.set("a".repeat(65_535), 1),
          cache.get("a".repeat(65_535)),
          cache.setMany([
            { key: "b", value: 1 },
            { key: "a", value: undefined },
          ]),
          cache.setMany([
            { key: "b", value: 1 },
            { key: "a", value: 1, ttl: 0 },
          ]),
          cache.setMany([
            { key: "b", value: 1 },
            { key: "", value: 1 },
          ]),
        ]) {
          await assert.rejects(call, refused);
        }
        assert.deepEqual(calls, []);
      });

      test("its failures come out", async () => {
        const { provider } = handMade({ batch, later });
        const error = new Error("lost");
        for (const name of Object.keys(provider)) {
          provider[name] = later
            ? () => Promise.reject(error)
            : () => {
                throw error;
              };
        }
        const cache = new Cache({ provider });
        for (const call of [
          () => cache.get("a"),
          () => cache.set("a", 1),
          () => cache.delete("a"),
          () => cache.has("a"),
          () => cache.exists("a"),
          () => cache.getMany(["a", "b"]),
          () =>
            cache.setMany([
              { key: "a", value: 1 },
              { key: "b", value: 1 },
            ]),
          () => cache.deleteMany(["a", "b"]),
          () => cache.clear(),
          () => cache.clearPattern("a"),
          () => cache.getStats(),
        ]) {
          await assert.rejects(call, error);
        }
      });
    });
  }
}

test("methods of a provider are called as its methods", async () => {
  class Mine extends MemoryCache {
    asked = 0;
    get(key) {
      this.asked++;
      return super.get(key);
    }
  }
  const provider = new Mine();
  const cache = new Cache({ provider });
  await cache.set("a", 1);
  assert.deepEqual([await cache.get("a"), provider.asked], [1, 1]);
});

test("close ends the provider for all namespaces, once, also by Symbol.asyncDispose", async () => {
  const { provider, calls } = handMade({ batch: true, later: true });
  const cache = new Cache({ provider });
  const space = cache.namespace("n");
  await space[Symbol.asyncDispose ?? "close"]();
  await cache.close();
  assert.deepEqual(calls, [["close"]]);
  await assert.rejects(cache.get("a"), /closed/);

  const memory = new MemoryCache();
  await new Cache({ provider: memory }).close();
  assert.throws(() => memory.get("a"), /closed/);
});
