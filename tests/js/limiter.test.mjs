// The rate limiter: its bounds, its figures, and what it does when the store fails. In memory, and over HTTP.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Cache, keys, MemoryCache, RateLimiter } from "isocache";
import { startBridge } from "./http/support/servers.mjs";
import { LongLived } from "./support/long-lived.mjs";
import { random as seeded } from "./support/random.mjs";

let bridge;
before(async () => {
  bridge = await startBridge();
});
after(() => bridge?.close());
let spaces = 0;

const WINDOW = 1000;
const answer = (allowed, limit, remaining, resetAfter, window = WINDOW) => ({
  ...{ allowed, limit, remaining, resetAfter, window },
  error: undefined,
});

const inMemory = (clock) => new MemoryCache({ clock });

/** A limiter with a clock of its own, which is that of its counters, too. */
function limiter(kind, limit, make = inMemory) {
  const time = { now: 0 };
  const clock = () => time.now;
  const counters = make(clock);
  const made = RateLimiter[kind](counters, limit, `${WINDOW}ms`, { clock });
  return { time, counters, made, check: (ip = "10.0.0.7", endpoint = "/login") => made.check(ip, endpoint) };
}

const overHttp = () =>
  new LongLived({ url: bridge.url, timeout: "5m", token: bridge.token, namespace: `n${spaces++}` });

for (const [name, counters] of [
  ["in memory", (clock) => new MemoryCache({ maxEntries: 100, clock })],
  ["over HTTP", overHttp],
  ["in a Cache", (clock) => new Cache({ provider: inMemory(clock) })],
]) {
  test(`${name}, a fixed window counts down and begins again`, async () => {
    const { time, check } = limiter("fixedWindow", 2, counters);
    time.now = 7_400;
    assert.deepEqual(await check(), answer(true, 2, 1, 600));
    time.now += 100;
    assert.deepEqual(await check(), answer(true, 2, 0, 500));
    assert.deepEqual(await check(), answer(false, 2, 0, 500));
    time.now += 499;
    assert.deepEqual(await check(), answer(false, 2, 0, 1));
    time.now += 1;
    assert.deepEqual(await check(), answer(true, 2, 1, 1000));
  });

  test(`${name}, a sliding window forgets each request a window after it, and counts no refused request`, async () => {
    const { time, check } = limiter("slidingWindow", 2, counters);
    time.now = 5_000;
    assert.deepEqual(await check(), answer(true, 2, 1, 1000));
    time.now += 300;
    assert.deepEqual(await check(), answer(true, 2, 0, 1000));
    assert.deepEqual(await check(), answer(false, 2, 0, 700));
    time.now += 699;
    assert.deepEqual(await check(), answer(false, 2, 0, 1));
    time.now += 1;
    assert.deepEqual(await check(), answer(true, 2, 0, 1000));
    assert.deepEqual(await check(), answer(false, 2, 0, 300));
    time.now += 2_750;
    assert.deepEqual(await check(), answer(true, 2, 1, 1000));
  });

  test(`${name}, many at once are not allowed more than the limit`, async () => {
    for (const kind of ["fixedWindow", "slidingWindow"]) {
      for (const limit of [1, 20, 70]) {
        const { check } = limiter(kind, limit, counters);
        const answers = await Promise.all(Array.from({ length: 100 }, () => check()));
        assert.equal(answers.filter(({ allowed }) => allowed).length, limit, kind);
      }
    }
  });
}

test("addresses and endpoints have counts of their own", async () => {
  const { counters, check } = limiter("fixedWindow", 1);
  for (const [ip, endpoint] of [
    ["::1", "/"],
    ["::1", "/a"],
    ["::2", "/"],
    ["a:b", "c"],
    ["a", "b:c"],
  ]) {
    assert.ok((await check(ip, endpoint)).allowed, `${ip} ${endpoint}`);
  }
  assert.ok(!(await check("::1", "/")).allowed);
  assert.ok(counters.has("rate:%3A%3A1:/:1000:0"));
  assert.equal(counters.clearPattern(keys.rate.glob({ ip: "::1" })), 2);
  assert.ok((await check("::1", "/")).allowed, "forgiven");
});

test("counters expire by themselves", async () => {
  for (const kind of ["fixedWindow", "slidingWindow"]) {
    const { time, counters, check } = limiter(kind, 2);
    await check();
    time.now = 2 * WINDOW - 1;
    assert.equal(counters.size, 1);
    time.now += 1;
    assert.equal(counters.size, 0);
  }
});

test("a fixed window keeps its bound in any order of pauses", async () => {
  for (let seed = 1; seed <= 60; seed++) {
    const random = seeded(seed);
    const limit = 1 + random(20);
    const { time, check } = limiter("fixedWindow", limit);
    const windows = [];
    for (let at = 0; at < 150; at++) {
      time.now += random(random(7) === 0 ? 2 * WINDOW : 1 + random(50));
      const { allowed, remaining, resetAfter } = await check();
      assert.ok(remaining >= 0 && remaining < limit && Number.isInteger(resetAfter) && resetAfter > 0);
      windows.push(...(allowed ? [Math.floor(time.now / WINDOW)] : []));
    }
    // The one that is as many places further on as the limit lies in a later window.
    assert.ok(windows.every((window, at) => windows[at + limit] !== window));
  }
});

test("arguments out of range are refused by name", async () => {
  const make = (limit, window, options, counters = new MemoryCache()) =>
    RateLimiter.fixedWindow(counters, limit, window, options);
  for (const limit of [0, 1.5, 2 ** 32 + 1, Number.NaN]) {
    assert.throws(() => make(limit, "1m"), /^RangeError: isocache: limit must be/);
  }
  for (const window of [0, -1, Infinity, null, "4000000000000s"]) {
    assert.throws(() => make(1, window), RangeError, `${window}`);
  }
  assert.throws(() => make(1, "1m", { onStoreError: "ignore" }), /onStoreError must be "fail" or/);
  assert.throws(() => make(1, "1m", { clok: Date.now }), TypeError);
  assert.throws(() => make(1, "1m", {}, { get() {} }), /counters must be .* method increment/);
  await assert.rejects(make(1, "1m").check(undefined, "/"), TypeError);
  await assert.rejects(make(1, "1m").checkKey(""), RangeError);
});

test("when the store fails, onStoreError decides", async () => {
  const error = new Error("down");
  const fail = () => Promise.reject(error);
  const down = { increment: fail, incrementWithin: fail, getMany: fail };
  for (const kind of ["fixedWindow", "slidingWindow"]) {
    const make = (onStoreError) => RateLimiter[kind](down, 5, "1s", { onStoreError, clock: () => 0 });
    await assert.rejects(make(undefined).check("a", "b"), error);
    assert.deepEqual(await make("allow").check("a", "b"), { ...answer(true, 5, 0, 1000), error });
    assert.deepEqual(await make("refuse").check("a", "b"), { ...answer(false, 5, 0, 1000), error });
    await assert.rejects(make("allow").check("a", "x".repeat(32_768)), RangeError, "no way around it");
  }
});

test("a request may cost more, and is allowed as a whole or not at all", async () => {
  const fixed = limiter("fixedWindow", 10).made;
  assert.deepEqual(await fixed.check("ip", "e", { cost: 10 }), answer(true, 10, 0, 1000));
  for (const cost of [0, -1, 1.5, 11, "2"]) {
    await assert.rejects(fixed.check("ip", "e", { cost }), /cost must be/, `${cost}`);
  }
  await assert.rejects(fixed.check("ip", "e", { price: 1 }), TypeError);
});

for (const kind of ["fixedWindow", "slidingWindow"]) {
  for (const [name, counters] of [
    ["in memory", inMemory],
    ["over HTTP", overHttp],
  ]) {
    test(`${name}, ${kind}: peek counts nothing, and reset forgets one client`, async () => {
      const { made, check } = limiter(kind, 2, counters);
      const peek = () => made.peek("10.0.0.7", "/login");
      assert.deepEqual(await peek(), answer(true, 2, 2, kind === "fixedWindow" ? 1000 : 0));
      await check();
      assert.deepEqual(await peek(), answer(true, 2, 1, 1000));
      assert.deepEqual(await made.peek("10.0.0.7", "/login", { cost: 2 }), answer(false, 2, 1, 1000));
      await check();
      assert.deepEqual(await peek(), answer(false, 2, 0, 1000));
      await check("another");
      assert.equal(await made.reset("10.0.0.7", "/login"), true);
      assert.equal(await made.reset("10.0.0.7", "/login"), false);
      assert.deepEqual(await peek(), answer(true, 2, 2, kind === "fixedWindow" ? 1000 : 0));
      assert.equal((await made.peek("another", "/login")).remaining, 1);
    });
  }
}

test("statistics tell that a memory has forgotten clients", async () => {
  const { made, check } = limiter("fixedWindow", 1, (clock) => new MemoryCache({ maxEntries: 2, clock }));
  await check("a");
  assert.equal((await check("a")).allowed, false);
  assert.deepEqual(await made.getStats(), { allowed: 1, refused: 1, failed: 0, forgotten: 0 });
  await check("b");
  await check("c");
  assert.equal((await check("a")).allowed, true, "it was forgotten");
  assert.deepEqual(await made.getStats(), { allowed: 4, refused: 1, failed: 0, forgotten: 2 });
});
