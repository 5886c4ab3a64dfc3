// The clock of the machine, as the caches read it: replaced, and in a loop that reads it all the time.

import assert from "node:assert/strict";
import { test } from "node:test";
import { MemoryCache } from "isocache";
import { LIMIT } from "../support/waiting.mjs";

test("a replaced Date.now is honoured at once, also in a hot loop", (t) => {
  const cache = new MemoryCache();
  // Until the real clock is read so often that readings are shared.
  cache.set("warm", 1, "1h");
  for (let n = 0; n < 10_000; n++) {
    assert.equal(cache.get("warm"), 1);
  }
  t.mock.timers.enable({ apis: ["Date"], now: Date.now() + 1000 });
  cache.set("a", 1, "5s");
  assert.equal(cache.get("warm"), 1);
  for (let n = 0; n < 10_000; n++) {
    cache.set("b", n, "1ms");
    assert.equal(cache.get("b"), n);
    t.mock.timers.tick(1);
    assert.equal(cache.get("b"), undefined);
    assert.equal(cache.get("a"), n < 4999 ? 1 : undefined);
  }
  t.mock.timers.reset();
  // Back to the real clock, which is before the mocked one was: "warm" has nearly an hour left.
  const left = cache.ttl("warm");
  assert.ok(left > 3000 && left <= 3600, `${left}`);
});

test("Date.now replaced by hand is honoured at once", (t) => {
  const real = Date.now;
  t.after(() => {
    Date.now = real;
  });
  const cache = new MemoryCache();
  for (let n = 0; n < 1000; n++) {
    cache.set("warm", n, "1h");
  }
  const start = real();
  Date.now = () => start;
  cache.set("a", 1, "1s");
  Date.now = () => start + 999;
  assert.equal(cache.get("a"), 1);
  Date.now = () => start + 1000;
  assert.equal(cache.get("a"), undefined);
});

test("a busy loop sees the real time pass", () => {
  const cache = new MemoryCache();
  cache.set("a", 1, "20ms");
  const limit = performance.now() + LIMIT;
  while (cache.get("a") !== undefined && performance.now() < limit) {
    // The loop does nothing else: no turn of the event loop ends here.
  }
  assert.equal(cache.get("a"), undefined);
});

test("the real clock is read again after a pause", async () => {
  const cache = new MemoryCache();
  cache.set("a", 1, "1h");
  for (let n = 0; n < 1000; n++) {
    cache.get("a");
  }
  await new Promise((resolve) => setImmediate(resolve));
  const before = Date.now();
  cache.set("b", 1, "1h");
  const after = Date.now();
  const left = cache.ttl("b") * 1000;
  // The two clocks of the platform are rounded apart.
  const passed = Date.now() - before + 2;
  assert.ok(left <= 3_600_000 && left >= 3_600_000 - passed, `${left} ms, ${after - before} ms`);
});
