// What the documentation of MemoryCache promises beside the rules that all providers share.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { MemoryCache } from "isocache";
import { timed } from "./support/memory.mjs";

describe("iteration", () => {
  test("goes from the most to the least recently used, in all its forms", () => {
    const cache = new MemoryCache();
    cache.set("a", 1).set("b", 2).set("c", 3);
    cache.get("a");
    cache.set("b", 4);
    cache.getMany(["none", "c"]);
    const expected = [
      ["c", 3],
      ["b", 4],
      ["a", 1],
    ];
    assert.deepEqual([...cache], expected);
    assert.deepEqual([...cache.entries()], expected);
    assert.deepEqual([...cache.keys()], ["c", "b", "a"]);
    assert.deepEqual(new Map(cache), new Map(expected));
    assert.deepEqual(Object.fromEntries(cache), { a: 1, b: 4, c: 3 });
  });

  test("is neither counted nor a use, as peek, has and ttl are not", () => {
    const cache = new MemoryCache({ maxEntries: 2 });
    cache.set("a", 1).set("b", 2);
    assert.deepEqual(
      [[...cache].length, cache.peek("a"), cache.has("a"), cache.exists("a"), cache.ttl("a")],
      [2, 1, true, true, null],
    );
    assert.deepEqual([cache.peek("x"), cache.has("x"), cache.ttl("x")], [undefined, false, undefined]);
    assert.deepEqual([cache.stats().hits, cache.stats().misses], [0, 0]);
    cache.set("c", 3);
    assert.deepEqual([...cache.keys()], ["c", "b"]);
  });

  test("skips entries that leave during the walk, and does not see new ones", () => {
    const cache = new MemoryCache();
    cache.set("d", 4).set("c", 3).set("b", 2).set("a", 1);
    const seen = [];
    for (const [key] of cache) {
      seen.push(key);
      if (key === "a") {
        cache.delete("b");
        cache.set("new", 5);
        cache.get("d");
      }
    }
    assert.deepEqual(seen, ["a", "c", "d"]);
    assert.deepEqual([...cache.keys()], ["d", "new", "a", "c"]);
  });

  test("skips entries that expire during the walk", () => {
    const { cache, time } = timed();
    cache.set("c", 3).set("b", 2, "1s").set("a", 1, "1s");
    const seen = [];
    for (const key of cache.keys()) {
      seen.push(key);
      time.now += 1000;
    }
    assert.deepEqual(seen, ["a", "c"]);
  });

  test("may empty the cache, and stop early", () => {
    const cache = new MemoryCache();
    cache.set("a", 1).set("b", 2).set("c", 3);
    for (const _ of cache) {
      break;
    }
    for (const key of cache.keys()) {
      cache.delete(key);
    }
    assert.equal(cache.size, 0);
    cache.set("a", 1).set("b", 2);
    const walk = cache.entries();
    assert.deepEqual(walk.next().value, ["b", 2]);
    cache.clear();
    assert.equal(walk.next().done, true);
  });

  test("is right after more lookups than a log holds", () => {
    const cache = new MemoryCache({ maxEntries: 1000 });
    for (let n = 0; n < 1000; n++) cache.set(`${n}`, n);
    for (let n = 0; n < 1000; n++) assert.equal(cache.get(`${n}`), n);
    assert.deepEqual(
      [...cache].map(([, n]) => n),
      Array.from({ length: 1000 }, (_, n) => 999 - n),
    );
    assert.equal(cache.stats().hits, 1000);
  });
});

describe("statistics", () => {
  test("count each operation", () => {
    const { cache, time } = timed({ maxEntries: 3 });
    assert.deepEqual(cache.stats(), {
      ...{ hits: 0, misses: 0, hitRate: 0, sets: 0, deletes: 0, evictions: 0, expirations: 0 },
      ...{ entries: 0, bytes: undefined },
    });
    cache.set("a", 1, "1s").set("b", 2).set("c", 3).set("d", 4).set("d", 5);
    cache.getMany(["b", "c", "d", "x"]);
    cache.get("a");
    cache.delete("b");
    cache.delete("b");
    cache.set("e", 6, "1s").set("f", 7);
    time.now += 1000;
    cache.get("e");
    assert.deepEqual(cache.stats(), {
      ...{ hits: 3, misses: 3, hitRate: 0.5, sets: 7, deletes: 1, evictions: 2, expirations: 1 },
      ...{ entries: 2, bytes: undefined },
    });
    cache.clear();
    assert.equal(cache.stats().deletes, 3);
    assert.equal(cache.stats().entries, 0);
    assert.equal(cache.stats().hits, 3);
  });

  test("count bytes, if entries are measured", () => {
    const cache = new MemoryCache({ maxBytes: 10, sizeOf: (value) => value });
    cache.set("a", 5).set("b", 3);
    assert.equal(cache.stats().bytes, 8);
    cache.set("a", 7);
    assert.equal(cache.stats().bytes, 10);
    cache.set("a", 8);
    assert.deepEqual([...cache], [["a", 8]]);
    cache.clear();
    assert.equal(cache.stats().bytes, 0);
    assert.equal(new MemoryCache({ sizeOf: () => 1 }).set("a", 1).stats().bytes, 1);
  });

  test("hits and misses are the number of lookups", () => {
    const cache = new MemoryCache({ maxEntries: 10 });
    for (let n = 0; n < 10_000; n++) {
      if (cache.get(`${(n * n) % 37}`) === undefined) cache.set(`${(n * n) % 37}`, n);
    }
    const { hits, misses, hitRate } = cache.stats();
    assert.equal(hits + misses, 10_000);
    assert.equal(hitRate, hits / 10_000);
  });
});

describe("onRemoval", () => {
  test("tells the reason", () => {
    const { cache, left, time } = timed({ maxEntries: 3 });
    cache.set("a", 1).set("b", 2).set("c", 3, "1s").set("d", 4);
    cache.set("b", 5);
    cache.delete("d");
    time.now += 1000;
    assert.equal(cache.get("c"), undefined);
    cache.set("e", 6);
    cache.clearPattern("e");
    cache.clear();
    assert.deepEqual(left, [
      ["a", 1, "evicted"],
      ["b", 2, "replaced"],
      ["d", 4, "deleted"],
      ["c", 3, "expired"],
      ["e", 6, "deleted"],
      ["b", 5, "deleted"],
    ]);
  });

  test("is not called when the same value is set again, unless it is a copy", () => {
    const value = {};
    const { cache, left } = timed();
    cache.set("a", value).set("a", value, "5m").set("a", value, null);
    assert.deepEqual(left, []);
    const cloning = timed({ clone: true });
    cloning.cache.set("a", value).set("a", value);
    assert.deepEqual(cloning.left, [["a", {}, "replaced"]]);
  });

  test("is called once for every entry, however it leaves", () => {
    const { cache, left, time } = timed({ maxEntries: 7, maxBytes: 30, sizeOf: (value) => value % 10 });
    let sets = 0;
    for (let n = 0; n < 5000; n++) {
      cache.set(`${(n * 7) % 23}`, n, n % 3 ? null : "5ms");
      sets++;
      if (n % 11 === 0) time.now += 3;
      if (n % 13 === 0) cache.delete(`${n % 23}`);
      if (n % 101 === 0) cache.resize(5 + (n % 4), 25 + (n % 9));
      if (n % 503 === 0) cache.clear();
    }
    assert.equal(left.length + cache.size, sets);
    assert.equal(new Set(left.map(([, value]) => value)).size, left.length);
    const { evictions, expirations, deletes } = cache.stats();
    const count = (wanted) => left.filter(([, , reason]) => reason === wanted).length;
    assert.deepEqual([evictions, expirations, deletes], [count("evicted"), count("expired"), count("deleted")]);
  });

  test("is called when the operation is complete", () => {
    const seen = [];
    const cache = new MemoryCache({ maxEntries: 2, onRemoval: () => seen.push([cache.size, [...cache.keys()]]) });
    cache.setMany(["a", "b", "c", "d"].map((key) => ({ key, value: key })));
    assert.deepEqual(seen, [
      [2, ["d", "c"]],
      [2, ["d", "c"]],
    ]);
  });
});

describe("resize", () => {
  test("evicts entries over the new limits, which limits returns", () => {
    const { cache, left } = timed({ maxEntries: 4, maxBytes: 100, sizeOf: (value) => value });
    assert.deepEqual(cache.limits, { maxEntries: 4, maxBytes: 100 });
    cache.set("a", 10).set("b", 20).set("c", 30).set("d", 40);
    cache.get("a");
    cache.resize(3);
    assert.deepEqual(left, [["b", 20, "evicted"]]);
    assert.deepEqual(cache.limits, { maxEntries: 3, maxBytes: 100 });
    cache.resize(8, 50);
    assert.deepEqual([...cache.keys()], ["a", "d"]);
    cache.resize(8, Number.POSITIVE_INFINITY);
    cache.set("e", 1_000_000);
    assert.deepEqual(cache.limits, { maxEntries: 8, maxBytes: Number.POSITIVE_INFINITY });
    assert.equal(cache.size, 3);
    for (let n = 0; n < 20; n++) cache.set(`${n}`, 1);
    assert.equal(cache.size, 8);
  });

  test("removes expired entries first", () => {
    const { cache, left, time } = timed();
    cache.set("old", 1).set("dead", 2, "1s");
    time.now += 1000;
    cache.resize(1);
    assert.deepEqual(left, [["dead", 2, "expired"]]);
    assert.deepEqual([...cache.keys()], ["old"]);
  });
});

describe("values", () => {
  test("are kept by reference", () => {
    const cache = new MemoryCache();
    const value = { list: [1] };
    cache.set("a", value);
    value.list.push(2);
    assert.equal(cache.get("a"), value);
    assert.equal(cache.peek("a"), value);
    assert.equal([...cache][0][1], value);
  });

  test("are copied in and out with clone", () => {
    const cache = new MemoryCache({ clone: true });
    const value = { list: [1], when: new Date(5), map: new Map([["k", 1]]) };
    const fresh = structuredClone(value);
    cache.set("a", value);
    cache.setMany([{ key: "b", value }]);
    value.list.push(2);
    for (const read of [
      () => cache.get("a"),
      () => cache.peek("a"),
      () => cache.getMany(["a"])[0],
      () => [...cache.entries()].find(([key]) => key === "a")[1],
      () => new Map(cache).get("b"),
    ]) {
      const got = read();
      assert.deepEqual(got, fresh);
      got.list.push(3);
      assert.deepEqual(read(), fresh);
    }
  });

  test("are copied by every method that returns one", () => {
    const cache = new MemoryCache();
    assert.equal(cache.set("a", 1), cache);
    assert.equal(
      cache.setMany([
        { key: "b", value: 2 },
        { key: "c", value: 3, ttl: "5m" },
        { key: "b", value: 4 },
      ]),
      undefined,
    );
    assert.deepEqual(cache.getMany(["b", "none", "c", "b"]), [4, undefined, 3, 4]);
    assert.equal(cache.delete("a"), true);
    assert.equal(cache.delete("a"), false);
    assert.equal(cache.deleteMany(["a", "b", "c", "b"]), 2);
    assert.equal(cache.clear(), undefined);
    assert.equal(cache.clearPattern("*"), 0);
  });

  test("clearPattern without a wildcard, with a prefix, and with sets", () => {
    const cache = new MemoryCache();
    const fill = () => {
      for (const key of ["user:1", "user:2", "user:10", "users", "us*er", "[u]"]) cache.set(key, 1);
    };
    for (const [pattern, cleared] of [
      ["user:1", 1],
      ["user:*", 3],
      ["user:?", 2],
      ["us\\*er", 1],
      ["user:[^1]", 1],
      ["*", 6],
      ["\\[u]", 1],
      ["user", 0],
    ]) {
      fill();
      assert.equal(cache.clearPattern(pattern), cleared, pattern);
    }
  });
});

test("a lookup reports the entries that it sweeps in passing", () => {
  for (const look of [
    (cache) => cache.get("long"),
    (cache) => cache.peek("long"),
    (cache) => cache.has("long"),
    (cache) => cache.ttl("long"),
    (cache) => cache.getMany(["long"]),
  ]) {
    let now = 0;
    const left = [];
    const cache = new MemoryCache({ clock: () => now, onRemoval: ({ key, reason }) => left.push(`${key} ${reason}`) });
    cache.set("short", 1, "1s").set("long", 2, "1h");
    now = 1000;
    look(cache);
    assert.deepEqual(left, ["short expired"], String(look));
  }
});
