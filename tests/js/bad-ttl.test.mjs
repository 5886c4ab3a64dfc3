// Times to live that are wrong are refused, and those at the limits are not.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Cache, MemoryCache } from "isocache";
import { refuses, rejects } from "./support/bad-input.mjs";

describe("ttl", () => {
  const OUT_OF_RANGE = [
    0,
    -0,
    -1,
    -1e-9,
    Number.NaN,
    Number.NEGATIVE_INFINITY,
    1e300,
    Number.MAX_VALUE,
    "0s",
    "0",
    "0.0ms",
  ];
  OUT_OF_RANGE.push(`${"9".repeat(400)}d`, "99999999999999999999ms");
  const WRONG = [
    "",
    " ",
    "5 m",
    " 5m",
    "5m ",
    "m",
    "5M",
    "5x",
    "-5m",
    "+5m",
    "1e3s",
    "5m5s",
    "٥m",
    "NaN",
    "Infinity",
    "0x10s",
  ];
  WRONG.push("5\n", "..5s", "1.2.3s", true, 5n, Symbol("s"), [5], {}, () => 5, new Date(5));
  const SET = {
    "MemoryCache.set, alone": (cache, ttl) => cache.set("a", 2, typeof ttl === "object" ? { ttl } : ttl),
    "MemoryCache.set, in options": (cache, ttl) => cache.set("a", 2, { ttl }),
    "MemoryCache.setMany": (cache, ttl) =>
      cache.setMany([
        { key: "b", value: 2 },
        { key: "a", value: 2, ttl },
      ]),
    "new MemoryCache": (_, ttl) => new MemoryCache({ ttl }),
  };
  for (const [name, set] of Object.entries(SET)) {
    test(name, (t) => {
      t.mock.method(console, "warn", () => {});
      const cache = new MemoryCache();
      cache.set("a", 1);
      for (const ttl of OUT_OF_RANGE) {
        refuses(() => set(cache, ttl), RangeError, "ttl");
      }
      for (const ttl of WRONG) {
        refuses(() => set(cache, ttl), TypeError, "ttl");
      }
      assert.deepEqual([...cache], [["a", 1]]);
      assert.equal(cache.ttl("a"), null);
    });
  }

  test("Cache", async (t) => {
    t.mock.method(console, "warn", () => {});
    const memory = new MemoryCache();
    const cache = new Cache({ provider: memory });
    for (const [Class, ttls] of [
      [RangeError, OUT_OF_RANGE],
      [TypeError, WRONG],
    ]) {
      for (const ttl of ttls) {
        await rejects(cache.set("a", 1, { ttl }), Class, "ttl");
        await rejects(
          cache.setMany([
            { key: "b", value: 1 },
            { key: "a", value: 1, ttl },
          ]),
          Class,
          "ttl",
        );
        refuses(() => new Cache({ ttl }), Class, "ttl");
        refuses(() => new Cache({ ttl, provider: memory }), Class, "ttl");
      }
    }
    assert.equal(memory.size, 0);
  });

  test("the extremes that are allowed", () => {
    const cache = new MemoryCache({ clock: () => 1_000 });
    for (const [ttl, seconds] of [
      [Number.MIN_VALUE, 0.001],
      ["0.0001ms", 0.001],
      [".5s", 0.5],
      ["1.s", 1],
      ["7", 7],
      ["1d", 86_400],
      [Number.POSITIVE_INFINITY, null],
      [null, null],
      [undefined, null],
    ]) {
      cache.set("a", 1, { ttl });
      assert.equal(cache.ttl("a"), seconds, String(ttl));
    }
    cache.set("a", 1, "9007199254740991ms");
    assert.ok(cache.ttl("a") > 9e12);
    assert.equal(cache.get("a"), 1);
  });
});
