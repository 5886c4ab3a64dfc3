// The option `advise`: what a cache would hit at other sizes and under other policies.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { advisor, MemoryCache } from "isocache";
import { missing, readTrace } from "./support/traces.mjs";

/** The most percentage points that an estimate may be wrong, where nothing else is known. */
const MOST = 3;
const FACTORS = [0.25, 0.5, 1, 2, 4];

function replay(cache, keys) {
  for (const key of keys) {
    if (cache.get(key) === undefined) {
      cache.set(key, true);
    }
  }
  return cache;
}

/** `rounds` times the same keys. */
const looped = (count, rounds) => Array.from({ length: count * rounds }, (_, at) => `key:${at % count}`);
const mixed = Array.from({ length: 20_000 }, (_, at) => `key:${(at * at) % 1021}`);
const exact = (keys, maxEntries, policy) => replay(new MemoryCache({ maxEntries, policy }), keys).stats().hitRate;

test("a cache advises only with the option", () => {
  assert.equal(replay(new MemoryCache(), looped(10, 2)).advise(), undefined);
  assert.deepEqual(new MemoryCache({ advise: advisor() }).advise(), []);
  assert.throws(() => new MemoryCache({ advise: true }), /advise must be a function/);
});

for (const policy of ["lru", "s3fifo"]) {
  test(`few keys under ${policy}: the estimates are exact`, () => {
    const advice = replay(new MemoryCache({ maxEntries: 100, policy, advise: advisor() }), mixed).advise();
    assert.deepEqual(
      advice.map(({ factor, maxEntries }) => [factor, maxEntries]),
      FACTORS.map((factor) => [factor, 100 * factor]),
    );
    for (const { maxEntries, lru, s3fifo } of advice) {
      assert.ok(Math.abs(lru - exact(mixed, maxEntries, "lru")) < 1e-6, `${maxEntries}: ${lru}`);
      assert.ok(Math.abs(s3fifo - exact(mixed, maxEntries, "s3fifo")) < 1e-6, `${maxEntries}: ${s3fifo}`);
    }
  });
}

test("a limit on sizes counts as what fits into it", () => {
  const cache = new MemoryCache({ maxBytes: 4000, sizeOf: () => 40, advise: advisor() });
  const advice = replay(cache, looped(150, 40)).advise();
  assert.ok(advice[2].maxEntries >= 90 && advice[2].maxEntries <= 100, `${advice[2].maxEntries}`);
  assert.ok(advice[1].lru < 0.01 && advice[2].lru < 0.01 && advice[3].lru > 0.9, JSON.stringify(advice));
});

test("a new size starts again", () => {
  const cache = replay(new MemoryCache({ maxEntries: 100, advise: advisor() }), looped(150, 10));
  cache.resize(200);
  assert.deepEqual(cache.advise(), []);
  const advice = replay(cache, looped(150, 100)).advise();
  assert.ok(advice[2].maxEntries === 200 && advice[2].lru > 0.9 && advice[1].lru < 0.05, JSON.stringify(advice));
});

test("namespaces, copies and listeners advise as well", () => {
  for (const options of [{ clone: true }, { onRemoval: () => {} }, {}]) {
    const cache = new MemoryCache({ maxEntries: 100, advise: advisor(), ...options });
    replay(cache.namespace("a"), looped(150, 10));
    const advice = cache.namespace("b").advise();
    assert.ok(advice[2].lru < 0.01 && advice[3].lru > 0.85, JSON.stringify(advice));
  }
});

test("lookups after the first period are as exact, and periods come back", () => {
  const cache = new MemoryCache({ maxEntries: 100, advise: advisor() });
  // First all hits at twice the size, and then all hits at the size.
  replay(cache, looped(150, 1000));
  const first = cache.advise();
  assert.ok(first[2].lru < 0.01 && first[3].lru > 0.98, JSON.stringify(first));
  replay(cache, [...looped(80, 10_000), "another", ...looped(79, 1000)]);
  const { hitRate } = cache.stats();
  assert.ok(Math.abs(cache.advise()[2].lru - hitRate) < 1e-9 && hitRate > 0.8);
});

/** The last step of MurmurHash3. */
function bits(of) {
  let mixed = Math.imul(of ^ (of >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}

/** The key of a lookup, as `tests/vectors/README.md` describes it. */
function keyOf({ stream, keys }, at) {
  if (stream === "loop") {
    return at % keys;
  }
  const random = bits(Math.imul(at, 0x9e3779b9)) / 2 ** 32;
  return stream === "scan" && at % 5 === 0 ? 1_000_000 + at : Math.floor(keys * random * random * random);
}

describe("the vectors, which the advisor in Rust is held to as well", () => {
  const { cases } = JSON.parse(readFileSync(new URL("../vectors/advisor.json", import.meta.url), "utf8"));
  for (const { name, lookups, entries, policy, hits, estimates, ...stream } of cases) {
    test(name, () => {
      // The advisor of a cache that tells it nothing: it sees the hashes of the vectors, and the counts of the cache.
      let made;
      const silent = { hit() {}, miss() {}, resized() {}, estimates: () => [] };
      const advise = (...given) => {
        made = advisor()(...given);
        return silent;
      };
      const cache = new MemoryCache({ maxEntries: entries, policy, advise });
      cache.set("key", true);
      for (let at = 0; at < lookups; at++) {
        cache.get(at < hits ? "key" : "another");
      }
      for (let at = 0; at < lookups; at++) {
        const key = keyOf(stream, at);
        made.see(bits(key + 1), bits(key ^ 0x9747b28c));
      }
      const found = made.estimates();
      assert.equal(found.length, estimates.length);
      for (const [at, [maxEntries, lru, s3fifo]] of estimates.entries()) {
        assert.equal(found[at].maxEntries, maxEntries);
        assert.ok(
          Math.abs(found[at].lru - lru) < 1e-9 && Math.abs(found[at].s3fifo - s3fifo) < 1e-9,
          JSON.stringify([found[at], lru, s3fifo]),
        );
      }
    });
  }
});

// As in `crates/simulate/tests/advisor.rs`, which has the other traces.
const TRACES = { "web07.trace.xz": [75, 300, 1200, 3000], "web12.trace.xz": [75, 300, 1200, 3000] };

describe("recorded accesses", { skip: missing }, () => {
  for (const [name, sizes] of missing ? [] : Object.entries(TRACES)) {
    test(`${name}: wrong by at most ${MOST} points, and 1 on the mean`, (t) => {
      const keys = readTrace(name).map(String);
      const known = new Map();
      const wrong = [];
      for (const entries of sizes) {
        for (const { maxEntries, ...estimate } of replay(
          new MemoryCache({ maxEntries: entries, advise: advisor() }),
          keys,
        ).advise()) {
          for (const policy of ["lru", "s3fifo"]) {
            const cell = `${maxEntries} ${policy}`;
            known.set(cell, known.get(cell) ?? exact(keys, maxEntries, policy));
            wrong.push(100 * Math.abs(known.get(cell) - estimate[policy]));
          }
        }
      }
      const mean = wrong.reduce((sum, points) => sum + points, 0) / wrong.length;
      t.diagnostic(`wrong by ${mean.toFixed(2)} points on the mean, ${Math.max(...wrong).toFixed(2)} at most`);
      assert.ok(mean <= 1 && Math.max(...wrong) <= MOST, `${mean}, ${Math.max(...wrong)}`);
    });
  }
});
