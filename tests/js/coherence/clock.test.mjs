// How often a TieredCache reads the clock, and that it never serves a copy because it has not.

import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate } from "node:timers/promises";
import { MemoryCache, TieredCache } from "isocache";

/** Out of the reach of a slow machine. */
const VALID_FOR = 86_400_000;
const connected = {
  listen(listener) {
    listener({ type: "hello", position: "a-0", resumed: false, validFor: VALID_FOR, age: 0 });
    return { close: () => undefined };
  },
};

/** Tiers with a copy under `k`, over a provider that answers later. */
async function withCopy() {
  const memory = new MemoryCache({ maxEntries: 10 });
  const far = {
    get: async (key) => memory.get(key),
    ttl: async (key) => memory.ttl(key),
    has: async (key) => memory.has(key),
    set: async (...entry) => memory.set(...entry),
    delete: async (key) => memory.delete(key),
    clearPattern: async (pattern) => memory.clearPattern(pattern),
  };
  const tiers = new TieredCache({ far, invalidations: connected });
  await tiers.set("k", 1, "7d");
  return tiers;
}

function hit(tiers, times) {
  for (let count = 0; count < times; count++) {
    assert.equal(tiers.get("k"), 1);
  }
}

/** Calls `act` with the clock of the machine set ahead. */
function later(act) {
  const { now } = Date;
  const then = now() + VALID_FOR + 1;
  Date.now = () => then;
  try {
    return act();
  } finally {
    Date.now = now;
  }
}

test("after a burst of hits, the next turn of the event loop reads the clock first", async () => {
  for (let times = 60; times < 700; times += 5) {
    const tiers = await withCopy();
    hit(tiers, times);
    await setImmediate();
    const answer = later(() => tiers.get("k"));
    assert.ok(answer instanceof Promise, `after ${times} hits`);
    assert.equal(await answer, 1);
  }
});

test("in a burst within one long turn, the clock is still read regularly", async () => {
  const tiers = await withCopy();
  hit(tiers, 1000);
  const served = later(() => {
    let count = 0;
    while (!(tiers.get("k") instanceof Promise)) {
      count++;
      assert.ok(count <= 300, "it serves copies without a look at the clock");
    }
    return count;
  });
  assert.ok(served <= 300);
});

test("a read does not get from an earlier one what had expired before it began", async () => {
  const asked = [];
  const far = {
    getEntry: () => new Promise((resolve) => asked.push(resolve)),
    set: async () => undefined,
    delete: async () => false,
    get: async () => undefined,
    has: async () => false,
    clearPattern: async () => 0,
  };
  const { now } = Date;
  const start = now();
  try {
    Date.now = () => start;
    const tiers = new TieredCache({ far, invalidations: connected });
    const first = tiers.get("k");
    Date.now = () => start + 999;
    const joined = tiers.get("k");
    assert.equal(asked.length, 1, "reads at the same time share a request");
    Date.now = () => start + 1000;
    const late = tiers.get("k");
    asked[0]({ value: 1, freshFor: 1000, tags: {} });
    assert.deepEqual([await first, await joined], [1, 1]);
    await setImmediate();
    assert.equal(asked.length, 2, "nobody has announced the expiry");
    asked[1](undefined);
    assert.equal(await late, undefined);
  } finally {
    Date.now = now;
  }
});

test("while changes are not announced, reads share no request", async () => {
  const asked = [];
  let tell;
  const source = {
    listen(listener) {
      tell = listener;
      connected.listen(listener);
      return { close: () => undefined };
    },
  };
  const far = { getEntry: () => new Promise((resolve) => asked.push(resolve)), set: async () => undefined };
  const tiers = new TieredCache({ far: { ...(await withCopy()).far, ...far }, invalidations: source });
  const first = tiers.get("k");
  tell({ type: "lost" });
  const second = tiers.get("k");
  const third = tiers.get("k");
  assert.equal(asked.length, 3);
  for (const [at, answer] of asked.entries()) {
    answer({ value: at, freshFor: null, tags: {} });
  }
  assert.deepEqual(await Promise.all([first, second, third]), [0, 1, 2]);
});
