// `node pkg/bench/loading.mjs`: hits through loading calls, and ten thousand callers of one key, beside peers. --quick: less exact.

import { mkdirSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { ENTRIES, PEERS } from "./loading-peers.mjs";
import { median } from "./report.mjs";
import { ask, HEAP, start } from "./speed.mjs";

const quick = process.argv.includes("--quick");
const effort = quick
  ? { launches: 1, rounds: 9, operations: 50_000, stampedes: 5 }
  : { launches: 3, rounds: 9, operations: 200_000, stampedes: 9 };
const CALLERS = 10_000;
const CHILD = fileURLToPath(new URL("loading-child.mjs", import.meta.url));

const results = PEERS.map(() => ({ ns: [], stampede: [], loads: [] }));
for (let launch = 0; launch < effort.launches; launch++) {
  const children = PEERS.map(() => start(CHILD));
  try {
    for (const [peer, child] of children.entries()) {
      await ask(child, { job: "prepare", peer, operations: effort.operations });
    }
    await inTurn(effort.rounds, async (peer) => {
      results[peer].ns.push(await ask(children[peer], { job: "hits", operations: effort.operations }));
    });
    await inTurn(effort.stampedes, async (peer) => {
      const { time, loads } = await ask(children[peer], { job: "stampede", callers: CALLERS });
      results[peer].stampede.push(time);
      results[peer].loads.push(loads);
    });
  } finally {
    for (const child of children) {
      child.kill();
    }
  }
}

const text = report();
process.stdout.write(text);
const folder = fileURLToPath(new URL("../../bench-results/", import.meta.url));
mkdirSync(folder, { recursive: true });
writeFileSync(`${folder}loading-javascript.md`, text);
process.stdout.write("written to bench-results/loading-javascript.md\n");

/** All peers in each round, another one first each time: what slows the machine down slows all. */
async function inTurn(rounds, run) {
  for (let round = 0; round < rounds; round++) {
    for (let turn = 0; turn < PEERS.length; turn++) {
      await run((round + turn) % PEERS.length);
    }
  }
}

/** The time of a peer over the least of `others`, round against round. */
function ratio(peer, of, others) {
  return median(results[peer][of].map((time, at) => time / Math.min(...others.map((other) => results[other][of][at]))));
}

function report() {
  const line = (cells) => `| ${cells.join(" | ")} |\n`;
  const all = PEERS.map((_, at) => at);
  const theirs = all.filter((at) => !PEERS[at].ours);
  const rows = PEERS.map(({ name }, at) => {
    const { ns, stampede, loads } = results[at];
    const spread = [Math.min(...loads), Math.max(...loads)];
    return [
      ...[name, median(ns).toFixed(0), ratio(at, "ns", theirs).toFixed(2)],
      ...[spread[0] === spread[1] ? spread[0] : spread.join(" to "), median(stampede).toFixed(2)],
      ratio(at, "stampede", theirs).toFixed(2),
    ];
  });
  const rival = theirs.reduce((one, other) => (median(results[other].ns) < median(results[one].ns) ? other : one));
  const goals = all.flatMap((at) => {
    const { name, ours } = PEERS[at];
    if (!ours) {
      return [];
    }
    const [time, once] = [ratio(at, "ns", theirs), results[at].loads.every((loads) => loads === 1)];
    const title = `a hit in at most the time of the fastest peer (${PEERS[rival].name})`;
    return [
      `- ${time <= 1 ? "reached" : "NOT REACHED"}: ${name}: ${title}: ${time.toFixed(2)} of it\n`,
      `- ${once ? "reached" : "NOT REACHED"}: ${name}: one load for ${CALLERS} callers\n`,
    ];
  });
  const header = ["", "a hit, ns", "over the fastest peer", `loads for ${CALLERS} callers`, "ms until all have it"];
  return `# JavaScript: loading

Node ${process.version} with ${HEAP.join(" ")}. One number as argument, ${ENTRIES} entries, a ttl of five minutes. Nanoseconds per awaited call: medians of ${effort.launches * effort.rounds} rounds
of ${effort.operations} calls; each peer in a process of its own (${effort.launches} one after another), the rounds in turn. The ratios are those of the
rounds, over the fastest peer that is not isocache. The stampede: ${CALLERS} calls at once of a key that is not there, medians
of ${effort.launches * effort.stampedes}; the load ends in the next turn of the event loop.

${PEERS.map(({ name, about }) => `- ${name}: ${about}\n`).join("")}
${line([...header, "over the fastest peer"])}${line([...header, ""].map(() => "---"))}${rows.map(line).join("")}
## Goals

${goals.join("")}`;
}
