// The memory of the wasm instance: it grows under the caches that use it, and is used again.

import assert from "node:assert/strict";
import { test } from "node:test";

// The instance is the package's own; it is caught as it is made.
let memory;
const { Instance } = WebAssembly;
WebAssembly.Instance = class extends Instance {
  constructor(...of) {
    super(...of);
    // By its kind: the build shortens the names.
    memory = Object.values(this.exports).find((one) => one instanceof WebAssembly.Memory);
  }
};
const { MemoryCache } = await import("isocache");
// The engine starts with the first look at it.
assert.equal(MemoryCache.engine, "wasm");
WebAssembly.Instance = Instance;
const bytes = () => memory.buffer.byteLength;

/** A cache with `entries`, of which every one was used, in the order of their keys. */
function filled(entries, mark) {
  let now = 1000;
  const cache = new MemoryCache({ maxEntries: entries, maxBytes: entries, sizeOf: () => 1, clock: () => now++ / 1e6 });
  for (let n = 0; n < entries; n++) {
    cache.set(`${n}`, n + mark, "1h");
  }
  return cache;
}

function check(cache, entries, mark) {
  assert.equal(cache.size, entries);
  const stats = cache.stats();
  assert.deepEqual([stats.entries, stats.bytes, stats.evictions], [entries, entries, 0]);
  let expected = entries;
  for (const [key, value] of cache) {
    expected--;
    if (key !== `${expected}` || value !== expected + mark) {
      assert.fail(`${key} = ${value} in the place of ${expected}`);
    }
  }
  assert.equal(expected, 0);
}

test("grows while caches are in use, and all of them stay right", () => {
  const small = filled(100, 7);
  const before = bytes();
  const caches = [];
  for (let n = 0; n < 5; n++) {
    caches.push(filled(200_000, n));
    check(small, 100, 7);
    // Lookups that are still in the log when the memory grows under it.
    for (let key = 0; key < 100; key++) assert.equal(small.get(`${key}`), key + 7);
  }
  assert.ok(bytes() >= before + 20_000_000, `${bytes()} of ${before}`);
  for (const [n, cache] of caches.entries()) {
    check(cache, 200_000, n);
    cache.set("one more", 0);
    assert.equal(cache.has("0"), false);
    assert.equal(cache.stats().evictions, 1);
    cache.close();
  }
  check(small, 100, 7);
});

test("is used again by the caches that come after", () => {
  const round = () => {
    for (let n = 0; n < 50; n++) {
      const cache = filled(1000, n);
      cache.clearPattern("*7*");
      check(filled(10, n), 10, n);
      cache.close();
    }
  };
  round();
  const after = bytes();
  for (let times = 0; times < 20; times++) round();
  assert.ok(bytes() <= after + 2 ** 20, `${bytes()} after ${after}`);
});

test("is given back by clear", () => {
  const cache = filled(100_000, 0);
  cache.clear();
  const after = bytes();
  for (let times = 0; times < 20; times++) {
    for (let n = 0; n < 100_000; n++) cache.set(`${n}`, n, "1h");
    cache.clear();
  }
  assert.equal(bytes(), after);
});

test("is given back by long patterns", () => {
  const cache = new MemoryCache();
  cache.set("a".repeat(60_000), 1);
  const pattern = `${"a*".repeat(30_000)}b`;
  cache.clearPattern(pattern);
  const after = bytes();
  for (let times = 0; times < 50; times++) cache.clearPattern(pattern);
  assert.equal(bytes(), after);
});

test("is given back by caches that the garbage collector finds", async () => {
  const { setFlagsFromString } = await import("node:v8");
  const { runInNewContext } = await import("node:vm");
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc");
  const turn = async () => {
    for (let n = 0; n < 20; n++) filled(20_000, n);
    collect();
    // Finalizers run in a later turn of the event loop.
    for (let n = 0; n < 10; n++) await new Promise((resolve) => setImmediate(resolve));
  };
  await turn();
  await turn();
  const after = bytes();
  for (let times = 0; times < 8; times++) await turn();
  // Without finalizers each turn would take over 10 MB.
  assert.ok(bytes() <= after + 30_000_000, `${bytes()} after ${after}`);
});
