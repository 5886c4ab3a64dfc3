// A clock that throws, answers nonsense or uses the cache itself: the cache stays whole.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { MemoryCache } from "isocache";
import { assertWhole } from "./support/whole.mjs";

describe("clock", () => {
  const NO_TIMES = [
    Number.NaN,
    Infinity,
    -Infinity,
    undefined,
    null,
    "5",
    "now",
    {},
    [],
    [5],
    true,
    5n,
    Symbol("s"),
    new Date(5),
  ];
  const names = (error) => error instanceof TypeError && /^isocache: clock/.test(error.message);

  for (const time of NO_TIMES) {
    test(`answers ${typeof time} ${typeof time === "object" ? JSON.stringify(time) : String(time)}`, () => {
      let now = 1000;
      const cache = new MemoryCache({ clock: () => now });
      cache.set("a", 1, "1s");
      now = time;
      for (const call of [
        () => cache.get("a"),
        () => cache.has("a"),
        () => cache.set("a", 2),
        () => cache.set("b", 2, "1s"),
        () => cache.delete("a"),
        () => cache.size,
        () => cache.sweep(),
        () => cache.stats(),
        () => cache.clear(),
        () => cache.resize(1),
        () => cache.clearPattern("*"),
        () => [...cache],
      ]) {
        assert.throws(call, names, String(call));
      }
      now = 1500;
      assert.deepEqual([...cache], [["a", 1]]);
      assert.equal(cache.ttl("a"), 0.5);
      assertWhole(cache);
    });
  }

  test("throws: its error comes out, and nothing changes", () => {
    const error = new Error("stopped");
    let broken = false;
    const cache = new MemoryCache({
      clock: () => {
        if (broken) throw error;
        return 1000;
      },
    });
    cache.set("a", 1, "1s");
    broken = true;
    for (const call of [() => cache.get("a"), () => cache.set("a", 2), () => cache.set("b", 2), () => cache.size]) {
      assert.throws(call, error);
    }
    broken = false;
    assert.deepEqual([...cache], [["a", 1]]);
    assertWhole(cache);
  });

  test("is not read where no ttl is in play", () => {
    const cache = new MemoryCache({ clock: () => assert.fail("read") });
    cache.set("a", 1).set("a", 2).set("b", 1, null).set("c", 1, Number.POSITIVE_INFINITY);
    cache.get("a");
    cache.delete("b");
    cache.resize(1);
    cache.sweep();
    assert.deepEqual([...cache.keys()], ["a"]);
    assert.equal(cache.size, 1);
  });

  test("goes back", () => {
    let now = 5000;
    const cache = new MemoryCache({ clock: () => now });
    cache.set("a", 1, "1s").set("b", 1);
    now = -1e15;
    assert.equal(cache.get("a"), 1);
    cache.set("c", 1, "1s");
    now = 5999;
    assert.deepEqual([...cache.keys()], ["a", "b"]);
    now = 6000;
    assert.deepEqual([...cache.keys()], ["b"]);
    assertWhole(cache);
  });

  // What it does to the cache is up to it; what must not happen is a cache that contradicts itself.
  for (const deed of ["delete", "set", "insert", "clear", "expire", "resize", "swap"]) {
    test(`uses the cache: ${deed}`, () => {
      let now = 1000;
      let armed = false;
      const deeds = {
        delete: () => cache.delete("a"),
        set: () => cache.set("a", "by the clock", "9s"),
        insert: () => cache.set("new", "by the clock", "9s"),
        clear: () => cache.clear(),
        expire: () => {
          now += 10_000;
          cache.sweep();
        },
        resize: () => cache.resize(1),
        swap: () => {
          cache.delete("a");
          cache.set("other", 7, "9s");
        },
      };
      const cache = new MemoryCache({
        maxEntries: 3,
        clock: () => {
          if (armed) {
            armed = false;
            deeds[deed]();
          }
          return now;
        },
      });
      for (const call of [
        () => cache.get("a"),
        () => cache.peek("a"),
        () => cache.has("a"),
        () => cache.ttl("a"),
        () => cache.set("a", 2, "5s"),
        () => cache.set("a", 2),
        () => cache.set("new", 2, "5s"),
        () => cache.delete("a"),
        () => cache.clear(),
        () => cache.sweep(),
        () => cache.size,
        () => cache.stats(),
        () => cache.clearPattern("*"),
        () => cache.resize(2),
        () => [...cache],
      ]) {
        cache.resize(3);
        cache.set("c", 1).set("b", 1, "1s").set("a", 1, "1s");
        armed = true;
        call();
        armed = false;
        assert.ok(cache.size <= 3);
        const [, key] = /set\("(\w+)"/.exec(call) ?? [];
        if (key) {
          assert.equal(cache.peek(key), 2, `${deed} in ${call}`);
        }
        for (const [key, value] of cache) {
          assert.notEqual(value, undefined, `${deed} in ${call}: ${key}`);
        }
        try {
          assertWhole(cache, 3);
        } catch (error) {
          throw new Error(`${deed} in ${call}`, { cause: error });
        }
      }
    });
  }
});
