// sizeOf, onRemoval and values to clone that throw, answer nonsense or use the cache themselves: the cache stays whole.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Cache, MemoryCache } from "isocache";
import { assertWhole } from "./support/whole.mjs";

describe("sizeOf", () => {
  test("is asked once for each set, with value and key", () => {
    const asked = [];
    const cache = new MemoryCache({ sizeOf: (value, key) => asked.push([value, key]) });
    const value = {};
    cache
      .set("a", value)
      .set("a", 2)
      .setMany([{ key: "b", value: 3 }]);
    cache.get("a");
    cache.delete("a");
    assert.deepEqual(asked, [
      [value, "a"],
      [2, "a"],
      [3, "b"],
    ]);
    assert.equal(asked[0][0], value);
  });

  test("throws: nothing changes, and its error comes out", () => {
    const error = new Error("cannot be measured");
    let broken = false;
    const cache = new MemoryCache({
      maxBytes: 10,
      sizeOf: () => {
        if (broken) throw error;
        return 5;
      },
    });
    cache.set("a", 1).set("b", 2);
    const before = cache.stats();
    broken = true;
    for (const call of [
      () => cache.set("c", 3),
      () => cache.set("a", 3),
      () => cache.setMany([{ key: "c", value: 3 }]),
    ]) {
      assert.throws(call, error);
    }
    assert.deepEqual(
      [...cache],
      [
        ["b", 2],
        ["a", 1],
      ],
    );
    assert.deepEqual(cache.stats(), before);
    assertWhole(cache);
  });

  test("answers what is no size", async () => {
    let answer;
    const cache = new MemoryCache({ maxBytes: 10, sizeOf: () => answer });
    answer = 4;
    cache.set("a", 1);
    for (const [Class, answers] of [
      [RangeError, [Number.NaN, -1, 0.5, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 2 ** 53]],
      [TypeError, ["4", "", null, undefined, 4n, true, {}, [4], Symbol("s"), Promise.resolve(4)]],
    ]) {
      for (answer of answers) {
        const named = (error) => error instanceof Class && /isocache: .*(sizeOf|maxBytes)/.test(error.message);
        assert.throws(() => cache.set("a", 2), named, String(answer));
        assert.throws(() => cache.set("b", 2), named, String(answer));
        assert.throws(() => cache.setMany([{ key: "b", value: 2 }]), named, String(answer));
        await assert.rejects(new Cache({ provider: cache }).set("b", 2), named, String(answer));
      }
    }
    assert.deepEqual([...cache], [["a", 1]]);
    assert.equal(cache.stats().bytes, 4);
    answer = 0;
    cache.set("nothing", 1);
    answer = 6;
    cache.set("full", 1);
    assert.equal(cache.stats().bytes, 10);
    assertWhole(cache);
  });

  test("setMany with one that is too large stores none", () => {
    const cache = new MemoryCache({ maxBytes: 10, sizeOf: (value) => value });
    cache.set("a", 10);
    assert.throws(
      () =>
        cache.setMany([
          { key: "b", value: 5 },
          { key: "c", value: 11 },
        ]),
      /maxBytes/,
    );
    assert.deepEqual([...cache], [["a", 10]]);
  });

  test("uses the cache", () => {
    const cache = new MemoryCache({
      maxEntries: 3,
      maxBytes: 100,
      sizeOf: (value, key) => {
        if (value === "deletes") cache.delete(key);
        if (value === "clears") cache.clear();
        if (value === "shrinks") cache.resize(1, 20);
        if (value === "fills") for (let n = 0; n < 9; n++) cache.set(`n${n}`, n);
        return 10;
      },
    });
    for (const value of ["deletes", "clears", "fills", "shrinks"]) {
      for (const key of ["old", "new"]) {
        cache.resize(3, 100);
        cache.set("old", 0).set("other", 1).set(key, value);
        assert.equal(cache.get(key), value);
        assert.equal([...cache.keys()][0], key);
        assertWhole(cache, 3);
      }
    }
  });

  test("makes the limit smaller in the middle of a setMany", () => {
    const cache = new MemoryCache({
      maxBytes: 100,
      sizeOf: (value) => {
        if (value === 10) cache.resize(1000, 20);
        return value;
      },
    });
    try {
      cache.setMany([
        { key: "a", value: 50 },
        { key: "b", value: 10 },
      ]);
    } catch (error) {
      assert.ok(error instanceof RangeError);
    }
    assertWhole(cache);
  });
});

describe("onRemoval", () => {
  /** A cache of three entries whose listener throws an error named as the key that left. */
  function throwing(options = {}) {
    const left = [];
    let time = 1000;
    const cache = new MemoryCache({
      maxEntries: 3,
      clock: () => time,
      onRemoval: ({ key, reason }) => {
        left.push(`${key} ${reason}`);
        throw new Error(`about ${key}`);
      },
      ...options,
    });
    cache.set("a", 1, "1s").set("b", 2, "1s").set("c", 3, "5s");
    const advance = (ms) => {
      time += ms;
    };
    return { cache, left, advance };
  }

  const CALLS = {
    "set over the limit": [(cache) => cache.set("d", 4), ["a evicted"], ["d", "c", "b"]],
    "set over an entry": [(cache) => cache.set("b", 4), ["b replaced"], ["b", "c", "a"]],
    setMany: [
      (cache) =>
        cache.setMany([
          { key: "d", value: 4 },
          { key: "e", value: 5 },
        ]),
      ["a evicted", "b evicted"],
      ["e", "d", "c"],
    ],
    delete: [(cache) => cache.delete("b"), ["b deleted"], ["c", "a"]],
    deleteMany: [(cache) => cache.deleteMany(["a", "b"]), ["a deleted", "b deleted"], ["c"]],
    clear: [(cache) => cache.clear(), ["a deleted", "b deleted", "c deleted"], []],
    clearPattern: [(cache) => cache.clearPattern("[ab]"), ["a deleted", "b deleted"], ["c"]],
    resize: [(cache) => cache.resize(1), ["a evicted", "b evicted"], ["c"]],
  };
  const EXPIRED = {
    get: (cache) => cache.get("a"),
    peek: (cache) => cache.peek("a"),
    has: (cache) => cache.has("a"),
    ttl: (cache) => cache.ttl("a"),
    delete: (cache) => cache.delete("a"),
    getMany: (cache) => cache.getMany(["a", "b", "c"]),
    deleteMany: (cache) => cache.deleteMany(["a", "b"]),
    sweep: (cache) => cache.sweep(),
    size: (cache) => cache.size,
    stats: (cache) => cache.stats(),
    keys: (cache) => [...cache.keys()],
    clear: (cache) => cache.clear(),
    set: (cache) => cache.set("c", 3),
  };

  for (const [name, [call, left, keys]] of Object.entries(CALLS)) {
    test(`throws in ${name}: the operation stands, all are reported, the first error is thrown`, () => {
      const { cache, left: reported } = throwing();
      assert.throws(() => call(cache), new Error(`about ${left[0][0]}`));
      assert.deepEqual(reported.toSorted(), left);
      assert.deepEqual([...cache.keys()], keys);
      assert.equal(cache.size, keys.length);
      reported.length = 0;
      for (const key of keys) {
        assert.throws(() => cache.delete(key), new Error(`about ${key}`));
      }
      assert.deepEqual(
        reported,
        keys.map((key) => `${key} deleted`),
      );
      assertWhole(cache, 3);
    });
  }

  for (const [name, call] of Object.entries(EXPIRED)) {
    test(`throws about expired entries in ${name}`, () => {
      const { cache, left, advance } = throwing();
      advance(1000);
      assert.throws(() => call(cache), /^Error: about [ab]$/);
      try {
        cache.sweep();
      } catch (error) {
        assert.match(error.message, /^about [ab]$/);
      }
      assert.deepEqual(left.filter((text) => text.endsWith("expired")).toSorted(), ["a expired", "b expired"]);
      assert.equal(cache.stats().expirations, 2);
      assert.equal(cache.has("a"), false);
    });
  }

  test("uses the cache", () => {
    const cache = new MemoryCache({
      maxEntries: 4,
      onRemoval: ({ key, reason }) => {
        if (reason === "evicted" && !key.endsWith("'")) cache.set(`${key}'`, 1);
        if (reason === "replaced") cache.delete(key);
        if (reason === "deleted" && key === "clear") cache.clear();
        if (reason === "deleted" && key === "again") cache.set(key, 2);
      },
    });
    for (let n = 0; n < 50; n++) {
      cache
        .set(`k${n % 9}`, n)
        .set("clear", n)
        .set("again", n);
      cache.get("again");
      if (n % 3 === 0) cache.delete("clear");
      if (n % 4 === 0) cache.delete("again");
      if (n % 5 === 0) cache.resize(2);
      if (n % 5 === 1) cache.resize(4);
      if (n % 7 === 0) cache.clear();
      const keys = [...cache.keys()];
      assert.equal(cache.size, keys.length);
      assert.ok(keys.length <= 4);
    }
    cache.clear();
    cache.clearPattern("again");
    cache.clear();
    assert.deepEqual([...cache.keys()], ["again"], "it puts itself back each time");
  });

  test("disposes of the cache", () => {
    const cache = new MemoryCache({ maxEntries: 2, onRemoval: () => cache.close() });
    cache.set("a", 1).set("b", 2).set("c", 3);
    assert.throws(() => cache.get("a"), /is closed/);
  });
});

describe("clone", () => {
  const refused = { name: "DataCloneError" };

  test("of what cannot be cloned: nothing changes", async () => {
    const cache = new MemoryCache({ clone: true, maxEntries: 2 });
    cache.set("a", 1).set("b", 2);
    for (const value of [() => 1, { deep: [() => 1] }, Symbol("s"), new WeakMap()]) {
      assert.throws(() => cache.set("a", value), refused);
      assert.throws(() => cache.set("c", value), refused);
      assert.throws(
        () =>
          cache.setMany([
            { key: "c", value: 1 },
            { key: "d", value },
          ]),
        refused,
      );
      await assert.rejects(new Cache({ provider: cache }).set("c", value), refused);
    }
    assert.deepEqual(
      [...cache],
      [
        ["b", 2],
        ["a", 1],
      ],
    );
    assert.equal(cache.stats().sets, 2);
    assertWhole(cache);
  });

  test("of a value whose getter uses the cache", () => {
    const cache = new MemoryCache({ clone: true, maxEntries: 2 });
    cache.set("a", 1).set("b", 2);
    const value = {
      get trap() {
        cache.clear();
        return cache.set("c", 3).size;
      },
    };
    cache.set("a", value);
    assert.deepEqual(
      [...cache],
      [
        ["a", { trap: 1 }],
        ["c", 3],
      ],
    );
    assertWhole(cache, 2);
  });
});
