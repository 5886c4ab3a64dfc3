// The limits of a MemoryCache: what is too large, and what happens to it.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Cache, MemoryCache } from "isocache";

/** A cache whose clock the test moves, and the removals that it has told. */
function make(options) {
  const time = { now: 1000 };
  const left = [];
  const onRemoval = ({ key, value, reason }) => void left.push(`${key}=${value} ${reason}`);
  return { cache: new MemoryCache({ clock: () => time.now, onRemoval, ...options }), left, time };
}

describe("limits", () => {
  test("maxBytes alone: bounded by bytes, with more than a thousand entries", () => {
    const cache = new MemoryCache({ maxBytes: 5000, sizeOf: () => 1 });
    for (let at = 0; at < 6000; at++) {
      cache.set(`k${at}`, at);
    }
    assert.equal(cache.size, 5000);
    assert.deepEqual(cache.limits, { maxEntries: Number.POSITIVE_INFINITY, maxBytes: 5000 });
  });

  test("no limit only by an explicit word", () => {
    const fill = (cache) => {
      for (let at = 0; at < 3000; at++) {
        cache.set(`k${at}`, at);
      }
      return cache.size;
    };
    assert.equal(fill(new MemoryCache()), 1000);
    assert.equal(fill(new MemoryCache({ maxEntries: Number.POSITIVE_INFINITY })), 3000);
    const cache = new MemoryCache();
    cache.resize(Number.POSITIVE_INFINITY);
    assert.equal(fill(cache), 3000);
    assert.equal(fill(new MemoryCache({ maxBytes: 1e6, maxEntries: 10, sizeOf: () => 1 })), 10);
  });

  test("entries that make room for one leave in their order, whichever limit is reached", () => {
    for (const policy of ["lru", "s3fifo"]) {
      const { cache, left } = make({ maxEntries: 3, maxBytes: 30, sizeOf: (value) => value, policy });
      cache.set("a", 10).set("b", 11).set("c", 9).set("d", 20);
      assert.deepEqual(left, ["a=10 evicted", "b=11 evicted"], policy);
    }
  });

  test("maxEntryBytes: larger entries are refused, or skipped", () => {
    const sizeOf = (value) => value;
    const strict = make({ maxBytes: 100, maxEntryBytes: 10, sizeOf });
    strict.cache.set("a", 10);
    assert.throws(() => strict.cache.set("b", 11), /value of key "b" has size 11, over maxEntryBytes 10/);
    assert.throws(
      () =>
        strict.cache.setMany([
          { key: "b", value: 1 },
          { key: "c", value: 11 },
        ]),
      RangeError,
    );
    assert.deepEqual([...strict.cache.keys()], ["a"]);

    const lax = make({ maxBytes: 100, maxEntryBytes: 10, onOversize: "skip", sizeOf });
    lax.cache.set("a", 5).set("b", 6).set("a", 11);
    assert.equal(lax.cache.get("a"), undefined, "the old value is not left behind");
    lax.cache.setMany([
      { key: "b", value: 12 },
      { key: "c", value: 10 },
    ]);
    assert.deepEqual([...lax.cache.keys()], ["c"]);
    assert.deepEqual([lax.cache.setIfAbsent("d", 11), lax.cache.replace("c", 11)], [false, false]);
    assert.equal(lax.cache.size, 0);
    assert.throws(() => new MemoryCache({ maxEntryBytes: 1 }), /maxEntryBytes needs the option sizeOf/);
    assert.throws(
      () => new MemoryCache({ onOversize: "ignore" }),
      /onOversize must be "throw" or "skip" or "keep", not "ignore"/,
    );
  });
});

describe('onOversize: "keep"', () => {
  const make = (options) => {
    const left = [];
    const cache = new MemoryCache({
      ...{ sizeOf: (value) => value, maxEntryBytes: 10, onOversize: "keep" },
      onRemoval: ({ key, reason }) => left.push(`${key} ${reason}`),
      ...options,
    });
    return { cache, left };
  };

  test("the old value stays, with its ttl and its place, whichever operation brings the large one", async () => {
    const time = { now: 1_000_000 };
    for (const write of [
      (cache) => cache.set("a", 11, "1s"),
      (cache) => cache.setMany([{ key: "a", value: 11, ttl: "1s" }]),
      (cache) => assert.equal(cache.replace("a", 11, "1s"), false),
      (cache) => assert.equal(cache.setIfAbsent("a", 11), false),
      (cache) => cache.load([{ key: "a", value: 11, ttl: "1s" }]),
      (cache) => assert.throws(() => cache.increment("a", 100), /has size 105, over maxEntryBytes 10/),
    ]) {
      const { cache, left } = make({ clock: () => time.now });
      cache.set("a", 5, "1h").set("b", 6);
      write(cache);
      assert.equal(cache.peek("a"), 5);
      assert.equal(cache.ttl("a"), 3600);
      assert.deepEqual([...cache.keys()], ["b", "a"]);
      assert.deepEqual([cache.stats().sets, cache.stats().bytes, left], [2, 11, []]);
    }
  });

  test("others of a setMany are stored, and where there was none, there is none", () => {
    const { cache } = make();
    cache.setMany([
      { key: "a", value: 11 },
      { key: "b", value: 10 },
    ]);
    assert.deepEqual([...cache.entries()], [["b", 10]]);
    assert.equal(cache.setIfAbsent("c", 11), false);
    assert.equal(cache.size, 1);
  });

  test("an entry over maxBytes counts as too large, too; a value that has expired already removes the old one", () => {
    const { cache } = make({ maxEntryBytes: undefined, maxBytes: 20 });
    cache.set("a", 5).set("a", 21);
    assert.equal(cache.get("a"), 5);
    cache.set("a", 6, { expiresAt: Date.now() - 1 });
    assert.equal(cache.get("a"), undefined);
  });

  test("getOrSet answers a value that is too large, and leaves the old one", async () => {
    const { cache } = make();
    const loads = new Cache({ provider: cache });
    cache.set("a", 5);
    assert.equal(await loads.getOrSet("a", () => 11, { forceFresh: true }), 11);
    assert.equal(await loads.get("a"), 5);
  });
});

test("a counter that no longer fits stays as it is, and so does a value that is not to be overwritten", () => {
  for (const onOversize of ["throw", "skip", "keep"]) {
    const cache = new MemoryCache({ sizeOf: (value) => `${value}`.length, maxEntryBytes: 1, onOversize });
    assert.equal(cache.increment("n", 9), 9);
    assert.throws(() => cache.increment("n"), /value of key "n" has size 2, over maxEntryBytes 1/);
    assert.equal(cache.get("n"), 9);
    assert.equal(cache.setIfAbsent("n", "xx"), false);
    assert.equal(cache.get("n"), 9);
  }
});
