// When the entries of a MemoryCache expire, and what they are until then.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { timed } from "./support/memory.mjs";

describe("ttl", () => {
  test("an entry expires when its ttl has passed, and ttl returns the remaining seconds", () => {
    const { cache, time } = timed({ ttl: "10s" });
    cache.set("default", 1).set("own", 1, 2.5).set("never", 1, null).set("object", 1, { ttl: "1500ms" });
    const ttls = () => ["default", "own", "never", "object", "none"].map((key) => cache.ttl(key));
    assert.deepEqual(ttls(), [10, 2.5, null, 1.5, undefined]);
    time.now += 1499;
    assert.deepEqual(ttls(), [8.501, 1.001, null, 0.001, undefined]);
    time.now += 1;
    assert.deepEqual(ttls(), [8.5, 1, null, undefined, undefined]);
    cache.set("own", 1);
    assert.equal(cache.ttl("own"), 10);
    cache.set("own", 1, null);
    time.now += 1e12;
    assert.deepEqual(ttls(), [undefined, null, null, undefined, undefined]);
  });

  test("units", () => {
    const { cache } = timed();
    for (const [ttl, seconds] of [
      ["300ms", 0.3],
      ["30s", 30],
      ["5m", 300],
      ["2h", 7200],
      ["7d", 604_800],
      ["1.5h", 5400],
      [90, 90],
    ]) {
      assert.equal(cache.set("a", 1, ttl).ttl("a"), seconds);
      assert.equal(cache.set("a", 1, { ttl }).ttl("a"), seconds);
    }
  });

  test("a lookup does not extend a ttl", () => {
    const { cache, time } = timed();
    cache.set("a", 1, "1s");
    time.now += 999;
    assert.equal(cache.get("a"), 1);
    time.now += 1;
    assert.equal(cache.get("a"), undefined);
  });

  test("expired entries make room before the least recently used", () => {
    const { cache, left, time } = timed({ maxEntries: 3 });
    cache.set("old", 1).set("dead", 2, "1s").set("young", 3);
    time.now += 1000;
    cache.set("new", 4);
    assert.deepEqual([...cache.keys()], ["new", "young", "old"]);
    assert.deepEqual(left, [["dead", 2, "expired"]]);
  });

  test("writes sweep in passing, without a call of sweep", () => {
    const { cache, left, time } = timed({ maxEntries: 1000 });
    for (let n = 0; n < 500; n++) cache.set(`${n}`, n, "1s");
    time.now += 1000;
    for (let n = 0; n < 100; n++) cache.set("same", n);
    assert.equal(left.filter(([, , reason]) => reason === "expired").length, 500);
  });

  test("sweep removes all expired entries, and returns how many there were", () => {
    const { cache, time } = timed();
    for (let n = 0; n < 500; n++) cache.set(`${n}`, n, n % 2 ? "1s" : "2s");
    assert.equal(cache.sweep(), 0);
    time.now += 1000;
    assert.equal(cache.sweep(), 250);
    assert.equal(cache.sweep(), 0);
    time.now += 1000;
    assert.equal(cache.size, 0);
    assert.equal(cache.stats().expirations, 500);
  });
});
