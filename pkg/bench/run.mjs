// `node pkg/bench/run.mjs`: isocache beside its peers, about ten minutes; with --quick one and a half.
// `--only get-hit` runs one scenario by its name, and writes nothing.

import { mkdirSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { imports } from "./imports.mjs";
import { memory } from "./memory.mjs";
import { ASYNC_PEERS, PEERS } from "./peers.mjs";
import { markdown, median } from "./report.mjs";
import { scenarios } from "./scenarios.mjs";
import { sizes } from "./sizes.mjs";
import { measure } from "./speed.mjs";

const quick = process.argv.includes("--quick");
const only = process.argv.includes("--only") ? process.argv[process.argv.indexOf("--only") + 1] : undefined;
const effort = quick
  ? { launches: 1, rounds: 7, operations: 100_000, warmUp: 20 }
  : { launches: 7, rounds: 5, operations: 100_000, warmUp: 100 };

const rows = [];
for (const scenario of scenarios().filter(({ name }) => only === undefined || name === only)) {
  process.stderr.write(`${scenario.name} ${scenario.entries} ttl ${scenario.ttl}\n`);
  const results = await measure(scenario, effort);
  checkSame(scenario, results);
  rows.push({ scenario, results });
}

const footprint = [];
if (only === undefined) {
  for (const ttl of quick ? [false] : [false, true]) {
    for (const entries of [1000, 100_000]) {
      process.stderr.write(`memory ${entries} ttl ${ttl}\n`);
      footprint.push({ entries, ttl, peers: memory(entries, ttl) });
    }
  }
}
const bundles = await sizes();
const imported = imports(quick ? 5 : 20);
const report = markdown({ rows, footprint, sizes: bundles, imports: imported, effort });
process.stdout.write(`${report.text}\n`);

if (only === undefined) {
  const folder = fileURLToPath(new URL("../../bench-results/", import.meta.url));
  mkdirSync(folder, { recursive: true });
  writeFileSync(`${folder}javascript.md`, report.text);
  const named = (scenario, results) =>
    results.flatMap((result, at) =>
      result === null
        ? []
        : [{ peer: (scenario.isAsync ? ASYNC_PEERS : PEERS)[at].name, medianNs: median(result.ns), ...result }],
    );
  const data = {
    node: process.version,
    effort,
    speed: rows.map(({ scenario: { path: _, ...scenario }, results }) => ({
      ...scenario,
      peers: named(scenario, results),
    })),
    memory: footprint.map(({ peers, ...what }) => ({
      ...what,
      peers: peers.flatMap((bytes, at) => (bytes === null ? [] : [{ peer: PEERS[at].name, ...bytes }])),
    })),
    sizes: bundles,
    imports: imported,
    goals: report.goals,
  };
  writeFileSync(`${folder}javascript.json`, `${JSON.stringify(data, null, 1)}\n`);
  process.stdout.write("written to bench-results/javascript.md and bench-results/javascript.json\n");
}

/** The exact LRUs must find the same in a replay: else the one that is faster may do less. */
function checkSame(scenario, results) {
  if (scenario.name === "aside web07") {
    const [ours, theirs] = ["isocache", "lru-cache"].map((name) => PEERS.findIndex((peer) => peer.name === name));
    if (results[ours].hitRatio !== results[theirs].hitRatio) {
      throw new Error(`isocache hits ${results[ours].hitRatio}, lru-cache ${results[theirs].hitRatio}`);
    }
  }
}
