// unstorage, by its driver for the service.

import assert from "node:assert/strict";
import { test } from "node:test";
import { createStorage } from "unstorage";
import upstash from "unstorage/drivers/upstash";
import { TOKEN } from "./support/bridge.mjs";
import { onStores } from "./support/stores.mjs";

onStores(["memory", "redis"], (its) => {
  for (const base of [undefined, "app[1]*"]) {
    const make = (options) =>
      createStorage({ driver: upstash({ url: its.bridge.url, token: TOKEN, base, ...options }) });

    test(`items, with the base ${base}`, async () => {
      const storage = make();
      assert.equal(await storage.getItem("a:b"), null);
      assert.equal(await storage.hasItem("a:b"), false);
      await storage.setItem("a:b", { x: [1, "\u00e4"] });
      await storage.setItem("a:c", "text");
      await storage.setItem("d", 42);
      assert.deepEqual(await storage.getItem("a:b"), { x: [1, "\u00e4"] });
      assert.equal(await storage.hasItem("a:b"), true);
      assert.deepEqual(
        (await storage.getItems(["a:b", "d", "none"])).map(({ key, value }) => [key, value]),
        [
          ["a:b", { x: [1, "\u00e4"] }],
          ["d", 42],
          ["none", null],
        ],
      );
      assert.deepEqual((await storage.getKeys()).sort(), ["a:b", "a:c", "d"]);
      assert.deepEqual((await storage.getKeys("a")).sort(), ["a:b", "a:c"]);
      await storage.removeItem("a:b");
      assert.equal(await storage.getItem("a:b"), null);
      assert.deepEqual((await storage.getKeys()).sort(), ["a:c", "d"]);
      await storage.clear();
      assert.deepEqual(await storage.getKeys(), []);
    });

    test(`a TTL, with the base ${base}`, async () => {
      const storage = make({ ttl: 1000 });
      await storage.setItem("usual", 1);
      await storage.setItem("own", 1, { ttl: 2000 });
      const key = (name) => (base ? `${base}:${name}` : name);
      const usual = await its.redis.ttl(key("usual"));
      const own = await its.redis.ttl(key("own"));
      assert.ok(usual > 900 && usual <= 1000, String(usual));
      assert.ok(own > 1900 && own <= 2000, String(own));
    });
  }

  test("clearing one base leaves the others", async () => {
    const driver = (base) =>
      createStorage({ driver: upstash({ url: its.bridge.url, token: TOKEN, base, scanCount: 10 }) });
    await its.redis.mset(Object.fromEntries(Array.from({ length: 300 }, (_, index) => [`one:${index}`, 1])));
    await driver("two").setItem("a", 1);
    await driver("one").clear();
    assert.deepEqual(await driver("one").getKeys(), []);
    assert.deepEqual(await its.redis.keys("*"), ["two:a"]);
  });
});
