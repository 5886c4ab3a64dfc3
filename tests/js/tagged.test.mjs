// `Tagged` has the methods of the provider below. An entry of which a tag was invalidated is absent for each of them.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { Cache, HttpCache, MemoryCache, Tagged } from "isocache";
import { messagePackSerializer } from "isocache/msgpack";
import { startBridge, TOKEN } from "./http/support/servers.mjs";
import { Remote } from "./load/provider.mjs";

/** A provider of the user's whose operations take several turns, with all methods. */
class UserProvider extends Remote {}
for (const name of [
  ...["has", "keys", "ttl", "touch", "getAndTouch", "getAndDelete", "setIfAbsent", "replace", "hasMany"],
  ...["deleteMany", "deleteManyEach", "increment", "clearPattern", "getStats"],
]) {
  UserProvider.prototype[name] = async function (...args) {
    await undefined;
    const result = name === "getStats" ? this.store.stats() : this.store[name](...args);
    return result;
  };
}
UserProvider.prototype.keys = async function* (pattern) {
  yield* this.store.keys(pattern);
};

let bridge;
let number = 0;
before(async () => {
  bridge = await startBridge();
});
after(() => bridge?.close());

const http = (options) =>
  new HttpCache({ url: bridge.url, token: TOKEN, timeout: "10m", namespace: `tagged-${number++}`, ...options });

const PROVIDERS = {
  "a MemoryCache": () => new MemoryCache(),
  "a provider of the user's": () => new UserProvider(),
  "a Cache": () => new Cache(),
  "an HttpCache": () => http(),
  "an HttpCache with MessagePack": () => http({ serializer: messagePackSerializer }),
};

for (const [name, make] of Object.entries(PROVIDERS)) {
  describe(`over ${name}`, () => {
    /** Three entries: one with a tag that holds, one without tags, and one whose tag was invalidated. */
    async function three() {
      const counters = name.includes("MessagePack") ? { counters: http() } : {};
      const below = make();
      const cache = new Tagged(below, counters);
      await cache.set("kept", { id: 1 }, { ttl: "1h", tags: ["holds"] });
      await cache.set("plain", { id: 2 }, "1h");
      await cache.set("gone", { id: 3 }, { ttl: "1h", tags: ["holds", "ends"] });
      await cache.invalidateTags(["ends"]);
      return { cache, below };
    }

    test("get, getMany, has, exists, hasMany, ttl", async () => {
      const { cache } = await three();
      assert.deepEqual(await cache.getMany(["kept", "plain", "gone", "none"]), [
        { id: 1 },
        { id: 2 },
        undefined,
        undefined,
      ]);
      assert.deepEqual(await cache.hasMany(["kept", "plain", "gone", "none"]), [true, true, false, false]);
      for (const [key, isThere] of [
        ["kept", true],
        ["plain", true],
        ["gone", false],
        ["none", false],
      ]) {
        assert.equal((await cache.get(key)) !== undefined, isThere, key);
        assert.equal(await cache.has(key), isThere, key);
        assert.equal(await cache.exists(key), isThere, key);
        const ttl = await cache.ttl(key);
        assert.ok(isThere ? ttl > 3000 && ttl <= 3600 : ttl === undefined, `${key}: ${ttl}`);
      }
    });

    test("keys", async () => {
      const { cache } = await three();
      await cache.set("other", 1);
      const all = async (pattern) => {
        const keys = [];
        for await (const key of cache.keys(pattern)) {
          keys.push(key);
        }
        return keys.toSorted();
      };
      assert.deepEqual(await all(), ["kept", "other", "plain"]);
      assert.deepEqual(await all("*e*"), ["kept", "other"]);
    });

    test("touch and getAndTouch", async () => {
      const { cache } = await three();
      assert.deepEqual(
        await Promise.all(["kept", "plain", "gone", "none"].map(async (key) => cache.touch(key, "2h"))),
        [...[true, true, false, false]],
      );
      assert.ok((await cache.ttl("kept")) > 3600);
      assert.deepEqual(await cache.getAndTouch("kept", "3h"), { id: 1 });
      assert.ok((await cache.ttl("kept")) > 7200);
      assert.equal(await cache.getAndTouch("gone", "3h"), undefined);
      assert.equal(await cache.getAndTouch("none", "3h"), undefined);
      assert.equal(await cache.has("gone"), false);
      await cache.invalidateTags(["holds"]);
      assert.equal(await cache.has("kept"), false, "a touch keeps the tags");
    });

    test("setIfAbsent and replace", async () => {
      const { cache } = await three();
      assert.equal(await cache.replace("gone", 4, { tags: ["holds"] }), false);
      assert.equal(await cache.get("gone"), undefined);
      assert.equal(await cache.setIfAbsent("kept", 4), false);
      assert.equal(await cache.setIfAbsent("plain", 4), false);
      assert.equal(await cache.setIfAbsent("gone", 5, { ttl: "1h", tags: ["holds"] }), true);
      assert.equal(await cache.get("gone"), 5);
      assert.equal(await cache.setIfAbsent("gone", 6), false);
      assert.equal(await cache.setIfAbsent("none", 7), true);
      assert.equal(await cache.replace("kept", 8, { tags: ["new"] }), true);
      assert.equal(await cache.get("kept"), 8);
      await cache.invalidateTags(["new"]);
      assert.equal(await cache.get("kept"), undefined);
    });

    test("of concurrent callers of setIfAbsent, one stores over an invalidated entry", async () => {
      if (name.startsWith("a provider of the user's") || name === "a Cache") {
        // Its methods take several turns, and it cannot compare: the documentation says so.
        return;
      }
      const { cache } = await three();
      const stored = await Promise.all(
        Array.from({ length: 20 }, (_, at) => cache.setIfAbsent("gone", at, { tags: ["x"] })),
      );
      assert.equal(stored.filter(Boolean).length, 1);
      assert.equal(await cache.get("gone"), stored.indexOf(true));
    });

    test("getAndDelete, delete, deleteMany, deleteManyEach", async () => {
      const { cache, below } = await three();
      assert.deepEqual(await cache.deleteManyEach(["gone", "none"]), [false, false]);
      assert.equal(await below.has("gone"), false, "it is removed, too");
      assert.deepEqual(await cache.getAndDelete("kept"), { id: 1 });
      assert.equal(await cache.getAndDelete("kept"), undefined);
      assert.equal(await cache.delete("plain"), true);
      assert.equal(await cache.delete("plain"), false);
      await cache.set("gone", 1, { tags: ["ends"] });
      await cache.set("a", 1, { tags: ["holds"] });
      await cache.invalidateTags(["ends"]);
      assert.equal(await cache.getAndDelete("gone"), undefined);
      assert.equal(await cache.deleteMany(["a", "gone", "none"]), 1);
    });

    test("increment and expiresAt", async () => {
      const { cache } = await three();
      assert.equal(await cache.increment("count", 2, "1h"), 2);
      assert.equal(await cache.increment("count"), 3);
      await cache.set("soon", 1, { expiresAt: Date.now() + 3_600_000, tags: ["holds"] });
      assert.ok((await cache.ttl("soon")) <= 3600);
      await cache.set("soon", 1, { expiresAt: Date.now() - 1 });
      assert.equal(await cache.has("soon"), false);
      await cache.set("kept", 1, { expiresAt: Date.now() - 1, tags: ["holds"] });
      assert.equal(await cache.has("kept"), false);
    });

    test("a refused argument changes nothing", async () => {
      const { cache } = await three();
      const tooMany = Array.from({ length: 65 }, (_, at) => `t${at}`);
      for (const call of [
        () => cache.set("kept", 1, { tags: tooMany }),
        () => cache.set("kept", 1, { tag: ["a"] }),
        () => cache.set("kept", 1, { ttl: "soon" }),
        () => cache.setIfAbsent("new", 1, { tags: [""] }),
        () => cache.replace("kept", 1, { tags: [1] }),
        () =>
          cache.setMany([
            { key: "new", value: 1 },
            { key: "kept", value: 1, tags: tooMany },
          ]),
      ]) {
        await assert.rejects(
          async () => call(),
          (error) => error instanceof TypeError || error instanceof RangeError,
        );
      }
      assert.deepEqual(await cache.get("kept"), { id: 1 });
      assert.equal(await cache.has("new"), false);
    });
  });
}

test("a method that the provider below does not have is named", async () => {
  const { get, set, delete: remove, has, clearPattern, stats, getMany, increment } = MemoryCache.prototype;
  const memory = new MemoryCache();
  const bound = Object.entries({ get, set, delete: remove, has, clearPattern, stats, getMany, increment });
  const cache = new Tagged(Object.fromEntries(bound.map(([name, method]) => [name, method.bind(memory)])));
  for (const [name, call] of Object.entries({
    touch: () => cache.touch("a"),
    getAndTouch: () => cache.getAndTouch("a"),
    ttl: () => cache.ttl("a"),
    setIfAbsent: () => cache.setIfAbsent("a", 1),
    replace: () => cache.replace("a", 1),
  })) {
    await assert.rejects(async () => call(), new RegExp(`isocache: ${name} needs a provider with the method`));
  }
});
