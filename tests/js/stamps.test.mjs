// The stamps of the engine's uses start again after the last one. A cache whose first stamp is close to it decides as one that
// starts at 0, in each form and under each policy. The package has no way to set the stamp, so the test changes its code.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { describe, test } from "node:test";
import { random } from "./support/random.mjs";

/** `LAST_STAMP` in `pkg/src/engine.ts`. */
const LAST_STAMP = 2 ** 30 - 2;
const OPERATIONS = 20_000;

const require = createRequire(import.meta.url);
const dist = new URL("../../pkg/dist/", import.meta.url);

/** `MemoryCache` on an engine in this form, whose first stamp is `first`. */
function cacheFrom(form, first) {
  const core = readFileSync(new URL("core.cjs", dist), "utf8");
  const [stamping, tick] = /stamp\(\w+\)\{this\.(#\w+)===/.exec(core) ?? [];
  const at = core.lastIndexOf(`${tick}=0;`, core.indexOf(stamping));
  assert.ok(tick !== undefined && at > 0, "the code has another form; look for the field of the latest stamp");
  const changed = `${core.slice(0, at)}${tick}=${first};${core.slice(at + `${tick}=0;`.length)}`;
  const module = {};
  new Function("module", "require", changed)(module, require);
  const instantiate = require(new URL(`engine-${form}.cjs`, dist).pathname);
  return module.exports([{ name: form, instantiate }]).MemoryCache;
}

for (const form of ["wasm", "js"]) {
  for (const policy of ["lru", "s3fifo"]) {
    describe(`${form}, ${policy}`, () => {
      for (const [maxEntries, before] of [
        [1, 1],
        [4, 10],
        [100, 150],
        [1000, 5000],
      ]) {
        test(`${maxEntries} entries, ${before} uses before the last stamp`, () => {
          const first = LAST_STAMP - before;
          const caches = [0, first].map((stamp) => new (cacheFrom(form, stamp))({ maxEntries, policy }));
          const draw = random(before);
          const same = (of) => {
            const [plain, late] = caches.map(of);
            assert.deepEqual(late, plain);
            return plain;
          };
          for (let at = 0; at < OPERATIONS; at++) {
            const key = `key ${draw(3 * maxEntries)}`;
            if (draw(100) < 3) {
              same((cache) => cache.delete(key));
            } else if (same((cache) => cache.get(key)) === undefined) {
              same((cache) => cache.set(key, at).size);
            }
            if (at % 500 === 0) {
              same((cache) => [...cache.keys()]);
            }
          }
          same((cache) => [...cache.keys()]);
          const [plain, late] = caches.map((cache) => cache.stats());
          assert.ok(plain.hits + plain.misses + plain.sets > before);
          // The uses that it began with count as hits.
          assert.deepEqual({ ...late, hits: late.hits - first, hitRate: plain.hitRate }, plain);
        });
      }
    });
  }
}
