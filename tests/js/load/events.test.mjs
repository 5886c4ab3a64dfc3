// Events of a cache: what listeners are told.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Cache, cached, MemoryCache } from "isocache";
import { Remote } from "./provider.mjs";

/** What a cache and its namespaces say, and what ends it. */
function listening(cache) {
  const told = [];
  const ends = ["load", "stale", "bypass"].map((event) =>
    cache.on(event, ({ milliseconds, ...rest }) => {
      assert.ok(event !== "load" || milliseconds >= 0);
      told.push([event, rest]);
    }),
  );
  const end = () => {
    for (const one of ends) {
      one();
    }
  };
  return { told, end };
}

describe("events", () => {
  test("loads, old answers, and stores that fail", async () => {
    const time = { now: 1000 };
    const store = new Remote(new MemoryCache({ clock: () => time.now }));
    const cache = new Cache({ provider: store });
    const { told, end } = listening(cache);
    const behind = [];
    const options = { ttl: "10s", staleWhileRevalidate: "1m", waitUntil: (work) => behind.push(work) };
    const users = cache.namespace("user");
    await users.getOrSet("1", () => "Ada", options);
    await Promise.all(behind.splice(0));
    await users.getOrSet("1", () => "Bo", options);
    time.now += 20_000;
    await users.getOrSet("1", () => "Cy", options);
    await Promise.all(behind);
    const down = new Error("down");
    await assert.rejects(
      cache.getOrSet("other", () => Promise.reject(down)),
      down,
    );
    store.broken = true;
    await cache.getOrSet("other", () => 1);
    const [first, second, third, failed, bypass, again, ...rest] = told;
    assert.deepEqual(first, ["load", { key: "user:1", name: undefined, background: false }]);
    assert.deepEqual(second, ["stale", { key: "user:1", name: undefined }]);
    assert.deepEqual(third, ["load", { key: "user:1", name: undefined, background: true }]);
    assert.deepEqual(failed, ["load", { key: "other", name: undefined, background: false, error: down }]);
    assert.deepEqual(
      [bypass[0], bypass[1].key, bypass[1].error.message],
      ["bypass", "other", "the provider is broken"],
    );
    assert.deepEqual(again, ["load", { key: "other", name: undefined, background: false }]);
    assert.deepEqual(rest, []);
    end();
    await cache.getOrSet("other", () => 1);
    assert.equal(told.length, 6);
  });

  test("cached functions tell, too, and who listens cannot harm", async (t) => {
    const warn = t.mock.method(console, "warn", () => undefined);
    const cache = new Cache();
    const load = cached(async (id) => id, { key: "one:{0}", name: "load", cache });
    let heard = 0;
    cache.on("load", ({ key, name }) => {
      throw new Error(`${name} of ${key}`);
    });
    cache.on("load", async ({ key }) => {
      throw new Error(`later, of ${key}`);
    });
    const listener = () => heard++;
    const ends = [cache.on("load", listener), cache.on("load", listener)];
    assert.equal(await load(7), 7);
    assert.equal(heard, 2);
    assert.deepEqual(
      warn.mock.calls.map((call) => call.arguments[1].message),
      ["load of one:7", "later, of one:7"],
    );
    ends[0]();
    ends[0]();
    await load(8);
    assert.equal(heard, 3);
  });

  test("what is no event, and what is no listener", () => {
    const cache = new Cache();
    assert.throws(
      () => cache.on("hit", () => undefined),
      /unknown event "hit"; the events are load, stale, bypass, warning/,
    );
    assert.throws(() => cache.on("load"), TypeError);
  });
});
