// After the end, a cache refuses everything.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Cache, MemoryCache } from "isocache";

describe("after the end", () => {
  const USES = {
    get: (cache) => cache.get("a"),
    peek: (cache) => cache.peek("a"),
    has: (cache) => cache.has("a"),
    exists: (cache) => cache.exists("a"),
    ttl: (cache) => cache.ttl("a"),
    set: (cache) => cache.set("a", 1),
    "set with a ttl": (cache) => cache.set("a", 1, "5m"),
    delete: (cache) => cache.delete("a"),
    getMany: (cache) => cache.getMany(["a"]),
    setMany: (cache) => cache.setMany([{ key: "a", value: 1 }]),
    deleteMany: (cache) => cache.deleteMany(["a"]),
    clear: (cache) => cache.clear(),
    clearPattern: (cache) => cache.clearPattern("*"),
    sweep: (cache) => cache.sweep(),
    resize: (cache) => cache.resize(5),
    size: (cache) => cache.size,
    stats: (cache) => cache.stats(),
    keys: (cache) => [...cache.keys()],
    entries: (cache) => [...cache.entries()],
    iteration: (cache) => [...cache],
  };
  for (const [name, use] of Object.entries(USES)) {
    for (const ttl of [null, "5m"]) {
      test(`MemoryCache refuses ${name}${ttl ? ", with a ttl" : ""}`, () => {
        for (const end of [Symbol.dispose ?? "close", "close"]) {
          const cache = new MemoryCache({ ttl });
          cache.set("a", 1);
          cache[end]();
          cache[end]();
          for (let times = 0; times < 300; times++) {
            assert.throws(() => use(cache), /isocache: this MemoryCache is closed/);
          }
        }
      });
    }
  }

  for (const name of [
    "get",
    "has",
    "exists",
    "set",
    "delete",
    "getMany",
    "setMany",
    "deleteMany",
    "clear",
    "clearPattern",
  ]) {
    test(`Cache refuses ${name}, in every namespace`, async () => {
      const cache = new Cache();
      const space = cache.namespace("n");
      await cache.close();
      for (const view of [cache, space, cache.namespace("m")]) {
        await assert.rejects(USES[name](view), /isocache: this Cache is closed/);
        await assert.rejects(view.getStats(), /isocache: this Cache is closed/);
      }
      await space.close();
    });
  }
});
