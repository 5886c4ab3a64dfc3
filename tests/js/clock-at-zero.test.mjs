// The clock of an edge worker stands at 0 until its first request. The ttl of an entry that is stored before begins then.

import assert from "node:assert/strict";
import { test } from "node:test";

let now = 0;
// Before the package is loaded, and bound, so that it takes them for the clocks of the platform.
Date.now = (() => now).bind();
performance.now = (() => now).bind();
const { MemoryCache } = await import("isocache");

const NOON = 1_800_000_000_000;

function started() {
  now = 0;
  const left = [];
  const cache = new MemoryCache({ maxEntries: 100, onRemoval: ({ key, reason }) => left.push(`${key} ${reason}`) });
  cache.set("short", 1, "1s").set("long", 2, "1h").set("never", 3);
  return { cache, left };
}

test("the ttl of an entry starts with the clock, whichever lookup reads it first", () => {
  for (const read of [
    (cache) => cache.get("short"),
    (cache) => cache.get("long"),
    (cache) => cache.has("short"),
    (cache) => cache.set("other", 1, "1s"),
    (cache) => cache.set("short", 1, "1s"),
    (cache) => cache.size,
    (cache) => cache.sweep(),
    (cache) => cache.clearPattern("none"),
    (cache) => [...cache],
    (cache) => cache.ttl("short"),
  ]) {
    const { cache } = started();
    assert.deepEqual([cache.get("short"), cache.size], [1, 3]);
    now = NOON;
    read(cache);
    assert.deepEqual([cache.ttl("short"), cache.ttl("long"), cache.ttl("never")], [1, 3600, null], String(read));
    now = NOON + 999;
    assert.equal(cache.get("short"), 1);
    now = NOON + 1000;
    assert.equal(cache.get("short"), undefined);
    assert.equal(cache.get("long"), 2);
    now = NOON + 3_600_000;
    assert.equal(cache.get("long"), undefined);
    assert.equal(cache.get("never"), 3);
  }
});

test("the engine's deadlines move along", () => {
  const { cache, left } = started();
  now = NOON;
  for (let n = 0; n < 97; n++) cache.set(`${n}`, n);
  assert.deepEqual(left, []);
  now = NOON + 1000;
  cache.set("one more", 1);
  assert.deepEqual(left, ["short expired"]);
});

test("it starts once, also after a clear or a resize", () => {
  const { cache } = started();
  cache.clear();
  cache.resize(5);
  cache.set("a", 1, "10s");
  now = NOON;
  assert.equal(cache.ttl("a"), 10);
  cache.set("b", 1, "10s");
  now = NOON + 4000;
  assert.deepEqual([cache.ttl("a"), cache.ttl("b")], [6, 6]);
});

test("nothing is moved for a cache that was made later", () => {
  now = NOON;
  const cache = new MemoryCache();
  cache.set("a", 1, "10s");
  now = NOON + 1;
  assert.equal(cache.ttl("a"), 9.999);
});

test("a clock of one's own may start at 0 and is taken at its word", () => {
  let own = 0;
  const cache = new MemoryCache({ clock: () => own });
  cache.set("a", 1, "1s");
  own = 999;
  assert.equal(cache.get("a"), 1);
  own = 1000;
  assert.equal(cache.get("a"), undefined);
});
