// What JavaScript does beside the engine, without a call, against the engine itself: entries with sizes always take a call.
// The same stream of operations gives the same answers, order and counts, under each policy and in each form.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { FORMS } from "./support/forms.mjs";
import { random } from "./support/random.mjs";

const OPERATIONS = 20_000;
const COUNTS = ["hits", "misses", "sets", "deletes", "evictions", "expirations", "entries"];

for (const form of Object.keys(FORMS)) {
  for (const policy of ["lru", "s3fifo"]) {
    describe(`${form}, ${policy}`, () => {
      for (const ttl of [null, "50ms", "1h"]) {
        for (const maxEntries of [1, 2, 10, 500]) {
          test(`${maxEntries} entries with ttl ${ttl}`, () =>
            run(FORMS[form].MemoryCache, { policy, ttl, maxEntries }));
        }
      }
    });
  }
}

function run(MemoryCache, options) {
  const draw = random(options.maxEntries);
  const next = () => draw(2 ** 32) / 2 ** 32;
  let time = 1;
  const make = (more) => new MemoryCache({ ...options, ...more, clock: () => time });
  const caches = [make({}), make({ sizeOf: () => 1 })];
  const same = (what, of) => {
    const [own, called] = caches.map(of);
    assert.deepEqual(own, called, what);
    return own;
  };
  for (let at = 0; at < OPERATIONS; at++) {
    const key = `key ${Math.floor(next() ** 2.5 * options.maxEntries * 8)}`;
    const choice = next();
    if (choice < 0.02) {
      time += Math.floor(next() * 20);
    } else if (choice < 0.05) {
      same("delete", (cache) => cache.delete(key));
    } else if (choice < 0.1) {
      same("set", (cache) => cache.set(key, at).has(key));
    } else if (choice < 0.11) {
      same("set with a ttl", (cache) => cache.set(key, at, "3ms").has(key));
    } else if (same("get", (cache) => cache.get(key)) === undefined) {
      same("set after a miss", (cache) => cache.set(key, at).has(key));
    }
    if (at % 1000 === 0) {
      same("order", (cache) => [...cache.keys()]);
    }
  }
  for (const count of COUNTS) {
    same(count, (cache) => cache.stats()[count]);
  }
  const { hits, misses, evictions } = caches[0].stats();
  assert.ok(hits > 0 && misses > 0 && evictions > 0, "the stream does what the test is for");
}
