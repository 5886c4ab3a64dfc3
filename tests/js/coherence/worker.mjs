/** Runs schedules in a thread of its own, since they replace its timers. */

import { parentPort, workerData } from "node:worker_threads";
import * as isocache from "isocache";
import { BUGS, withBug } from "./planted.mjs";
import { runSchedule } from "./schedule.mjs";

const { from, to, bug } = workerData;
const classes = bug === undefined ? isocache : await withBug(BUGS[bug], isocache);
const counts = {};
const violations = [];
let seed = from;
while (seed < to && !(bug !== undefined && violations.length > 0)) {
  const result = await runSchedule(seed, classes);
  violations.push(...result.violations);
  for (const [name, count] of Object.entries(result.counts)) {
    counts[name] = (counts[name] ?? 0) + count;
  }
  seed++;
}
parentPort.postMessage({ schedules: seed - from, counts, violations: violations.slice(0, 10) });
