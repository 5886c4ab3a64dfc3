// Recorded accesses give exactly the hits that other exact LRU implementations count, and under S3-FIFO those of a reference
// implementation to within one percent of the requests.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { FORMS } from "./support/forms.mjs";
import { missing, readTrace, references } from "./support/traces.mjs";

const ROWS = { "web07.trace.xz": 4, "web12.trace.xz": 4, "oltp.trace.gz": 7 };

for (const [name, rows] of Object.entries(ROWS)) {
  if (missing) {
    test(name, { skip: missing }, () => {});
    continue;
  }
  describe(name, () => {
    const keys = readTrace(name).map(String);
    const expected = references(name);

    test(`has ${rows} reference rows`, () => assert.equal(expected.length, rows));

    const replay = ({ MemoryCache }, capacity, policy) => {
      const cache = new MemoryCache({ maxEntries: capacity, policy });
      let found = 0;
      for (const key of keys) {
        if (cache.get(key) === undefined) {
          cache.set(key, true);
        } else {
          found++;
        }
      }
      return { found, stats: cache.stats() };
    };

    for (const { capacity, hits, requests } of references(name, "s3fifo")) {
      test(`${capacity} entries under S3-FIFO: about ${hits} hits of ${requests}`, () => {
        const { found, stats } = replay(Object.values(FORMS)[0], capacity, "s3fifo");
        assert.ok(Math.abs(found - hits) <= requests / 100, `${found} hits`);
        assert.deepEqual([stats.hits, stats.misses, stats.entries], [found, requests - found, capacity]);
        assert.equal(stats.evictions, requests - found - capacity);
      });
    }

    const cases = expected.flatMap((row) => Object.entries(FORMS).map((form) => [row, ...form]));
    for (const [{ capacity, hits, requests }, form, classes] of cases) {
      test(`${capacity} entries, ${form}: ${hits} hits of ${requests}`, () => {
        const { found, stats } = replay(classes, capacity, "lru");
        assert.equal(keys.length, requests);
        assert.equal(found, hits);
        assert.deepEqual([stats.hits, stats.misses, stats.entries], [hits, requests - hits, capacity]);
        assert.equal(stats.evictions, requests - hits - capacity);
      });
    }
  });
}
