// The rate limiter: its bounds, its figures, and what it does when the store fails. In memory, and over HTTP.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Cache, HttpCache, keys, MemoryCache, RateLimiter } from "isocache";
import { startBridge } from "./http/support/servers.mjs";
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

/** A limiter with a clock of its own, and its counters. */
function limiter(kind, limit, counters = new MemoryCache()) {
  const time = { now: 0 };
  const made = RateLimiter[kind](counters, limit, `${WINDOW}ms`, { clock: () => time.now });
  return { time, counters, made, check: (ip = "10.0.0.7", endpoint = "/login") => made.check(ip, endpoint) };
}

const overHttp = () =>
  new HttpCache({ url: bridge.url, timeout: "5m", token: bridge.token, namespace: `n${spaces++}` });

for (const [name, counters] of [
  ["in memory", () => new MemoryCache({ maxEntries: 100 })],
  ["over HTTP", overHttp],
  ["in a Cache", () => new Cache({ provider: new MemoryCache() })],
]) {
  test(`${name}, a fixed window counts down and begins again`, async () => {
    const { time, check } = limiter("fixedWindow", 2, counters());
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

  test(`${name}, a sliding window fades, and counts no refused request`, async () => {
    const { time, check } = limiter("slidingWindow", 4, counters());
    time.now = 5_000;
    for (const left of [3, 2, 1, 0]) {
      assert.deepEqual(await check(), answer(true, 4, left, 1000));
    }
    assert.deepEqual(await check(), answer(false, 4, 0, 1000));
    time.now += 999;
    assert.deepEqual(await check(), answer(false, 4, 0, 1));
    time.now += 1;
    // Of the four, less than four overlap.
    assert.deepEqual(await check(), answer(true, 4, 0, 1000));
    assert.deepEqual(await check(), answer(false, 4, 0, 250));
    time.now += 250;
    assert.deepEqual(await check(), answer(true, 4, 0, 750));
    time.now += 2_750;
    assert.deepEqual(await check(), answer(true, 4, 3, 1000));
  });

  test(`${name}, many at once are not allowed more than the limit`, async () => {
    for (const kind of ["fixedWindow", "slidingWindow"]) {
      const { check } = limiter(kind, 20, counters());
      const answers = await Promise.all(Array.from({ length: 60 }, () => check()));
      const first = answers.filter(({ allowed }) => allowed).length;
      assert.ok(first <= 20, `${first}`);
      // At the limit a sliding one may refuse, for a moment, what another takes back.
      let total = first;
      for (let at = 0; at < 20; at++) {
        total += (await check()).allowed ? 1 : 0;
      }
      assert.equal(total, 20);
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

test("counters go by themselves", async () => {
  for (const [kind, windows] of [
    ["fixedWindow", 2],
    ["slidingWindow", 3],
  ]) {
    let now = 0;
    const counters = new MemoryCache({ clock: () => now });
    await limiter(kind, 2, counters).check();
    now = WINDOW * windows - 1;
    assert.equal(counters.size, 1);
    now += 1;
    assert.equal(counters.size, 0);
  }
});

test("the bounds hold in any order of pauses", async () => {
  for (let seed = 1; seed <= 60; seed++) {
    const random = seeded(seed);
    const limit = 1 + random(20);
    for (const kind of ["fixedWindow", "slidingWindow"]) {
      const { time, check } = limiter(kind, limit);
      const allowed = [];
      for (let at = 0; at < 150; at++) {
        time.now += random(random(7) === 0 ? 2 * WINDOW : 1 + random(50));
        const { allowed: isAllowed, remaining, resetAfter } = await check();
        assert.ok(remaining >= 0 && remaining < limit && Number.isInteger(resetAfter) && resetAfter > 0);
        if (isAllowed) {
          allowed.push(time.now);
        }
      }
      const windows = allowed.map((at) => Math.floor(at / WINDOW));
      // The one that is as many places further on as the limit lies in a later window.
      assert.ok(windows.every((window, at) => windows[at + limit] !== window));
      if (kind === "slidingWindow") {
        allowed.forEach((first, at) => {
          for (let to = at; to < allowed.length && allowed[to] - first <= WINDOW; to++) {
            // The estimate is rounded down: one more than the share.
            assert.ok((to - at) * WINDOW <= limit * (WINDOW + 1 + allowed[to] - first), `seed ${seed}`);
          }
        });
        let refused = await check();
        while (refused.allowed) {
          refused = await check();
        }
        assert.ok(refused.resetAfter <= WINDOW, `seed ${seed}: ${refused.resetAfter}`);
        time.now += refused.resetAfter - 1;
        assert.ok(!(await check()).allowed, `seed ${seed}`);
        time.now += 1;
        assert.ok((await check()).allowed, `seed ${seed}`);
      }
    }
  }
});

test("who meets at the limit of a sliding window takes the count back", async () => {
  const { time, counters, check } = limiter("slidingWindow", 3);
  // All have looked before the first counts.
  const together = async () => {
    const answers = await Promise.all(Array.from({ length: 10 }, () => check("ip", "e")));
    return answers.filter(({ allowed }) => allowed).length;
  };
  assert.equal(await together(), 3);
  assert.equal(counters.get("rate:ip:e:1000:0"), 3, "those that were refused do not count");
  time.now = 1500;
  assert.equal(await together(), 2, "one and a half of three overlap");
  assert.equal(counters.get("rate:ip:e:1000:1"), 2);
});

test("large limits and windows are exact", async () => {
  const counters = new MemoryCache();
  const [limit, window] = [2 ** 32, 2_592_000_000];
  const now = window * 650 + 1;
  const sliding = RateLimiter.slidingWindow(counters, limit, "30d", { clock: () => now });
  counters.set(`k:${window}:649`, limit);
  // Two parts in 2,592,000,000 of 2^32 have faded: 3 requests, and a part of another.
  for (const left of [3, 2, 1, 0]) {
    assert.deepEqual(await sliding.checkKey("k"), answer(true, limit, left, window - 1, window));
  }
  assert.equal((await sliding.checkKey("k")).allowed, false);
});

test("what is out of range is refused by name", async () => {
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

test("when the store fails, the caller has chosen", async () => {
  const error = new Error("down");
  const down = { increment: () => Promise.reject(error), getMany: () => Promise.reject(error) };
  for (const kind of ["fixedWindow", "slidingWindow"]) {
    const make = (onStoreError) => RateLimiter[kind](down, 5, "1s", { onStoreError, clock: () => 0 });
    await assert.rejects(make(undefined).check("a", "b"), error);
    assert.deepEqual(await make("allow").check("a", "b"), { ...answer(true, 5, 0, 1000), error });
    assert.deepEqual(await make("refuse").check("a", "b"), { ...answer(false, 5, 0, 1000), error });
    await assert.rejects(make("allow").check("a", "x".repeat(32_768)), RangeError, "no way around it");
  }
});

test("a sliding window with limit 1 allows every request that comes a window after the last", async () => {
  for (const offset of [0, 1, 400, 500, 999]) {
    for (const pause of [WINDOW, WINDOW + 1, 1500]) {
      const { time, check } = limiter("slidingWindow", 1);
      time.now = 5_000 + offset;
      for (let at = 0; at < 20; at++) {
        assert.ok((await check()).allowed, `offset ${offset}, pause ${pause}, request ${at}`);
        time.now += pause;
      }
    }
  }
});

/** A limiter that remembers the time of every request that it has allowed. */
class ExactLog {
  #allowed = [];

  constructor(limit) {
    this.limit = limit;
  }
  check(now) {
    this.#allowed = this.#allowed.filter((at) => at > now - WINDOW);
    const isAllowed = this.#allowed.length < this.limit;
    if (isAllowed) {
      this.#allowed.push(now);
    }
    return isAllowed;
  }
}

test("a sliding window differs from an exact log by at most one request a window, over seeded arrivals", async () => {
  for (let seed = 1; seed <= 40; seed++) {
    const random = seeded(seed);
    const limit = 1 + random(8);
    // From a third of the limit to four times as much.
    const pause = Math.max(1, Math.floor((WINDOW * (25 + random(275))) / (100 * limit)));
    const { time, check } = limiter("slidingWindow", limit);
    const log = new ExactLog(limit);
    const windows = new Map();
    while (time.now < 60 * WINDOW) {
      time.now += 1 + random(2 * pause);
      const [ours, exact] = [(await check()).allowed, log.check(time.now)];
      const window = Math.floor(time.now / WINDOW);
      const [a, b] = windows.get(window) ?? [0, 0];
      windows.set(window, [a + Number(ours), b + Number(exact)]);
    }
    const difference = [...windows.values()].reduce((sum, [a, b]) => sum + a - b, 0);
    assert.ok(Math.abs(difference) <= windows.size, `seed ${seed}, limit ${limit}: ${difference} in ${windows.size}`);
  }
});

test("a request may cost more, and is allowed as a whole or not at all", async () => {
  const { time, made, counters } = limiter("slidingWindow", 10);
  const ask = (cost) => made.check("ip", "e", { cost });
  assert.deepEqual(await ask(7), answer(true, 10, 3, 1000));
  assert.deepEqual(await ask(4), answer(false, 10, 3, 1000));
  assert.equal(counters.get("rate:ip:e:1000:0"), 7, "what was refused does not count");
  assert.deepEqual(await ask(3), answer(true, 10, 0, 1000));
  // Half a window later, 4 of 10 overlap, and a part of another.
  time.now = 1500;
  assert.deepEqual(await ask(7), answer(false, 10, 6, 100));
  time.now += 100;
  assert.equal((await ask(7)).allowed, true);
  const fixed = limiter("fixedWindow", 10).made;
  assert.deepEqual(await fixed.check("ip", "e", { cost: 10 }), answer(true, 10, 0, 1000));
  for (const cost of [0, -1, 1.5, 11, "2"]) {
    await assert.rejects(fixed.check("ip", "e", { cost }), /cost must be/, `${cost}`);
  }
  await assert.rejects(fixed.check("ip", "e", { price: 1 }), TypeError);
});

for (const kind of ["fixedWindow", "slidingWindow"]) {
  for (const [name, counters] of [
    ["in memory", () => new MemoryCache()],
    ["over HTTP", overHttp],
  ]) {
    test(`${name}, ${kind}: peek counts nothing, and reset forgets one client`, async () => {
      const { made, check } = limiter(kind, 2, counters());
      const peek = () => made.peek("10.0.0.7", "/login");
      assert.deepEqual(await peek(), answer(true, 2, 2, 1000));
      await check();
      assert.deepEqual(await peek(), answer(true, 2, 1, 1000));
      assert.deepEqual(await made.peek("10.0.0.7", "/login", { cost: 2 }), answer(false, 2, 1, 1000));
      await check();
      assert.deepEqual(await peek(), answer(false, 2, 0, 1000));
      await check("another");
      assert.equal(await made.reset("10.0.0.7", "/login"), true);
      assert.equal(await made.reset("10.0.0.7", "/login"), false);
      assert.deepEqual(await peek(), answer(true, 2, 2, 1000));
      assert.equal((await made.peek("another", "/login")).remaining, 1);
    });
  }
}

test("statistics tell that a memory has forgotten clients", async () => {
  const { made, check } = limiter("fixedWindow", 1, new MemoryCache({ maxEntries: 2 }));
  await check("a");
  assert.equal((await check("a")).allowed, false);
  assert.deepEqual(await made.getStats(), { allowed: 1, refused: 1, failed: 0, forgotten: 0 });
  await check("b");
  await check("c");
  assert.equal((await check("a")).allowed, true, "it was forgotten");
  assert.deepEqual(await made.getStats(), { allowed: 4, refused: 1, failed: 0, forgotten: 2 });
});
