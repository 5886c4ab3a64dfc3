// The sliding window, compared with a log of all requests: over seeded arrivals, with many callers, and in extremes.

import assert from "node:assert/strict";
import { test } from "node:test";
import { MemoryCache, RateLimiter } from "isocache";
import { random as seeded } from "./support/random.mjs";

const WINDOW = 1000;

/** A window and its counters, whose time the test moves. */
function sliding(limit, given) {
  const time = { now: 0 };
  const clock = () => time.now;
  const counters = given ?? new MemoryCache({ maxEntries: 10_000, clock });
  const made = RateLimiter.slidingWindow(counters, limit, `${WINDOW}ms`, { clock });
  return { time, made, check: (cost) => made.checkKey("k", { cost }), peek: (cost) => made.peekKey("k", { cost }) };
}

/** The times at which requests were allowed, one for each unit of cost. */
class Log {
  #times = [];

  count(now) {
    this.#times = this.#times.filter((at) => at > now - WINDOW);
    return this.#times.length;
  }
  add(now, cost) {
    this.#times.push(...Array.from({ length: cost }, () => now));
  }
}

/** Pauses between requests: even, in bursts, and just before and after a window. */
const ARRIVALS = {
  even: (random, limit) => random(Math.max(2, Math.floor((2 * WINDOW) / limit))),
  "in bursts": (random) => (random(4) === 0 ? random(2 * WINDOW) : 0),
  "a window apart": (random) => [0, 0, 1, WINDOW - 1, WINDOW, WINDOW + 1][random(6)],
};

for (const [name, pause] of Object.entries(ARRIVALS)) {
  test(`up to a limit of 64, each decision is that of an exact log: arrivals ${name}`, async () => {
    for (let seed = 1; seed <= 20; seed++) {
      const random = seeded(seed);
      const limit = seed % 4 === 0 ? 64 : 1 + random(seed % 4 === 1 ? 3 : 64);
      const { time, check, peek } = sliding(limit);
      const log = new Log();
      for (let at = 0; at < 200; at++) {
        time.now += pause(random, limit);
        const cost = random(4) === 0 ? 1 + random(limit) : 1;
        const used = log.count(time.now);
        const peeked = await peek(cost);
        const checked = await check(cost);
        const isAllowed = used + cost <= limit;
        const where = `seed ${seed}, limit ${limit}, request ${at}`;
        assert.equal(checked.allowed, isAllowed, where);
        assert.equal(peeked.allowed, isAllowed, where);
        assert.equal(checked.remaining, limit - used - (isAllowed ? cost : 0), where);
        assert.ok(peeked.resetAfter <= WINDOW && checked.resetAfter <= WINDOW && checked.resetAfter > 0, where);
        if (isAllowed) {
          log.add(time.now, cost);
        } else {
          // Not a millisecond earlier, and not later.
          time.now += checked.resetAfter - 1;
          assert.equal((await peek(cost)).allowed, false, where);
          time.now += 1;
          assert.equal((await peek(cost)).allowed, true, where);
        }
      }
    }
  });

  test(`above 64, it refuses nothing that a log would allow, and allows few more: arrivals ${name}`, async () => {
    for (let seed = 1; seed <= 20; seed++) {
      const random = seeded(seed);
      const limit = [65, 100, 128, 129, 500, 1000][seed % 6];
      const more = Math.ceil(limit / 64) - 1;
      const { time, check } = sliding(limit);
      const log = new Log();
      let most = 0;
      for (let at = 0; at < 600; at++) {
        time.now += pause(random, limit);
        const cost = random(8) === 0 ? 1 + random(Math.ceil(limit / 4)) : 1;
        const used = log.count(time.now);
        const { allowed, resetAfter } = await check(cost);
        const where = `seed ${seed}, limit ${limit}, request ${at}`;
        assert.ok(allowed || used + cost > limit, `${where}: refused with ${used}`);
        assert.ok(resetAfter > 0 && resetAfter <= WINDOW, where);
        if (allowed) {
          log.add(time.now, cost);
          most = Math.max(most, used + cost);
        }
      }
      assert.ok(most <= limit + more, `seed ${seed}, limit ${limit}: ${most}`);
    }
  });
}

test("the bound above 64 is reached, and not more", async () => {
  // Size 2: the requests that join a cell just before it ends are forgotten with its first.
  const { time, check } = sliding(128);
  await check(1);
  time.now = WINDOW - 1;
  assert.equal((await check(127)).allowed, true);
  time.now = WINDOW;
  assert.equal((await check(2)).allowed, true, "129 in two milliseconds");
  assert.equal((await check(1)).allowed, false);
});

test("requests that cost more and meet at the limit are refused as a whole, and leave nothing behind", async () => {
  for (const limit of [10, 640]) {
    const { time, check, peek } = sliding(limit);
    const cost = Math.ceil(limit / 3);
    const answers = await Promise.all(Array.from({ length: 50 }, () => check(cost)));
    const allowed = answers.filter((answer) => answer.allowed).length;
    assert.ok(allowed <= 2, `${allowed}`);
    assert.equal((await peek()).remaining, limit - allowed * cost, "what was refused does not count");
    time.now = WINDOW;
    assert.equal((await peek()).remaining, limit);
  }
});

test("large limits and windows", async () => {
  const [limit, window] = [2 ** 32, 2_592_000_000];
  let now = window * 650 + 1;
  const counters = new MemoryCache({ clock: () => now });
  const large = RateLimiter.slidingWindow(counters, limit, "30d", { clock: () => now });
  assert.equal((await large.checkKey("k", { cost: limit })).remaining, 0);
  const refused = await large.checkKey("k");
  assert.equal(refused.allowed, false);
  assert.ok(refused.resetAfter <= window && refused.resetAfter > window - 65_536, `${refused.resetAfter}`);
  now += refused.resetAfter;
  assert.equal((await large.checkKey("k", { cost: limit })).allowed, true);
  assert.throws(() => RateLimiter.slidingWindow(counters, limit, "1s"), /^RangeError: isocache: limit must be lower/);
  await assert.rejects(
    RateLimiter.slidingWindow(counters, 1, "1s", { clock: () => 2 ** 52 }).checkKey("k"),
    /clock must return a time in milliseconds/,
  );
});

test("a store that cannot count within bounds is refused at once", () => {
  const counters = { increment: () => 1, getMany: () => [] };
  assert.throws(() => RateLimiter.slidingWindow(counters, 1, "1s"), /counters have no method incrementWithin/);
});

test("a store that never says yes ends the check", async () => {
  const counters = {
    increment: () => 1,
    getMany: (keys) => keys.map(() => undefined),
    incrementWithin: (_key, _by, { floor }) => ({ stored: false, count: floor }),
  };
  assert.equal((await sliding(5, counters).check(1)).allowed, false);
});
