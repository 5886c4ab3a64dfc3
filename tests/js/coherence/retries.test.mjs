// Writes that wait to be sent again: in which order, and what becomes of those for which there is no room.

import assert from "node:assert/strict";
import { test } from "node:test";
import { MemoryCache, TieredCache } from "isocache";
import { until } from "../../support/waiting.mjs";

/** A store that is away as long as `isAway` is true. */
class Store extends MemoryCache {
  isAway = false;

  set(...args) {
    if (this.isAway) {
      throw new Error("away");
    }
    return super.set(...args);
  }
}

test("a write never overtakes a queued one, even if the store is back and the queue is full", async () => {
  const far = new Store();
  const tiers = new TieredCache({ far, invalidations: false, nearTtl: "1m", retryWrites: 1 });
  // In one turn of the event loop, so that the first write still waits when the second is issued.
  far.isAway = true;
  const first = tiers.set("k", "first");
  assert.equal(tiers.tierStats().queuedWrites, 1);
  far.isAway = false;
  await assert.rejects(async () => tiers.set("k", "second"), { message: "away" });
  await first;
  await until(() => tiers.tierStats().queuedWrites === 0);
  assert.equal(far.get("k"), "first");
  await tiers.set("k", "third");
  assert.equal(far.get("k"), "third");
  await tiers.close();
});

test("queued writes are sent in the order in which they were issued", async () => {
  const far = new Store();
  const tiers = new TieredCache({ far, invalidations: false, nearTtl: "1m", retryWrites: 10 });
  far.isAway = true;
  for (const value of ["first", "second", "third"]) {
    await tiers.set("k", value);
  }
  far.isAway = false;
  await tiers.set("k", "last");
  await until(() => tiers.tierStats().queuedWrites === 0);
  assert.equal(far.get("k"), "last");
  assert.equal(tiers.tierStats().unsentWrites, 0);
  await tiers.close();
});
