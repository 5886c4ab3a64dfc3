// What a hit of a TieredCache costs beside a hit of the bare MemoryCache, in processor time: interleaved rounds in one process.

import { mkdirSync, writeFileSync } from "node:fs";
import { Cache, MemoryCache, TieredCache } from "isocache";
import { keys, uniform } from "./streams.mjs";

const ENTRIES = 1000;
const RING = 2 ** 17;
const OPERATIONS = 200_000;
const [rounds, warmUp] = process.argv.includes("--quick") ? [15, 3] : [41, 7];

const present = keys(ENTRIES);
const ring = uniform(present, RING);

/** A source that is connected, and announces nothing. */
const silent = {
  listen(listener) {
    listener({ type: "hello", position: "a-0", resumed: false, validFor: 3_600_000, age: 0 });
    return { close: () => undefined };
  },
};

function filled(cache, ttl) {
  for (const [id, key] of present.entries()) {
    cache.set(key, { id }, { ttl });
  }
  return cache;
}

/** Loops of its own for each cache: otherwise both are compiled together, and the one that is called second is slower. */
function loops() {
  return {
    sync(cache, from) {
      for (let at = from; at < from + OPERATIONS; at++) {
        if (cache.get(ring[at & (RING - 1)]) === undefined) {
          throw new Error("it is no hit");
        }
      }
    },
    async async(cache, from) {
      for (let at = from; at < from + OPERATIONS; at++) {
        if ((await cache.get(ring[at & (RING - 1)])) === undefined) {
          throw new Error("it is no hit");
        }
      }
    },
  };
}

const median = (numbers) => numbers.toSorted((a, b) => a - b)[Math.trunc(numbers.length / 2)];

const rows = [];
for (const ttl of [null, "1h"]) {
  const bare = filled(new MemoryCache({ maxEntries: ENTRIES }), ttl);
  const far = new MemoryCache({ maxEntries: 2 * ENTRIES });
  const tiers = filled(new TieredCache({ far, near: { maxEntries: ENTRIES }, invalidations: silent }), ttl);
  for (const [name, kind, subjects] of [
    ["synchronous", "sync", [bare, tiers]],
    ["asynchronous", "async", [bare, tiers].map((provider) => new Cache({ provider }))],
  ]) {
    const times = [[], []];
    const runs = subjects.map(() => loops()[kind]);
    for (let round = 0; round < warmUp + rounds; round++) {
      for (const at of round % 2 === 0 ? [0, 1] : [1, 0]) {
        const { user } = process.cpuUsage();
        await runs[at](subjects[at], round * OPERATIONS);
        const spent = ((process.cpuUsage().user - user) * 1000) / OPERATIONS;
        if (round >= warmUp) {
          times[at].push(spent);
        }
        // What waits for the end of a turn runs.
        await undefined;
      }
    }
    const [one, other] = times.map(median);
    rows.push([name, ttl ?? "none", one.toFixed(1), other.toFixed(1), (other / one).toFixed(2)]);
  }
}

const table = [
  "| a hit | ttl | `MemoryCache`, ns | `TieredCache`, ns | ratio |",
  "|---|---|---|---|---|",
  ...rows.map((row) => `| ${row.join(" | ")} |`),
].join("\n");
process.stdout.write(`${table}\n`);
const folder = new URL("../../bench-results/", import.meta.url);
mkdirSync(folder, { recursive: true });
writeFileSync(new URL("tiers.md", folder), `${table}\n`);
