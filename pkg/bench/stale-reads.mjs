// `node pkg/bench/stale-reads.mjs`: reads of what has been overwritten, in caches that keep copies before a shared store, all
// through one schedule of faults. It takes a minute and a half. --quick: each phase takes a quarter of its time, so that the half-open
// line is shorter than the bound of isocache. It needs redis-server, and what
// `cargo build --release --package isocache-bridge --package cache-reader` makes; another bridge can be named by ISOCACHE_BIN.

import { fork } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { BOUNDS, PEERS } from "./stale-reads/peers.mjs";
import { KEYS, LONGEST_DELAY, NAMES, PHASES, READ_EVERY } from "./stale-reads/schedule.mjs";

const CHILD = fileURLToPath(new URL("stale-reads/child.mjs", import.meta.url));

/** What one cache has counted, by phase. */
function run(peer) {
  return new Promise((resolve, reject) => {
    const child = fork(CHILD, process.argv.slice(2));
    child.once("message", resolve);
    child.once("error", reject);
    child.once("exit", (code) => reject(new Error(`${PEERS[peer].name}: its process ended with code ${code}`)));
    child.send(peer);
  });
}

const results = await Promise.all(PEERS.map((_, peer) => run(peer)));
const text = report();
process.stdout.write(text);
const folder = fileURLToPath(new URL("../../bench-results/", import.meta.url));
mkdirSync(folder, { recursive: true });
writeFileSync(`${folder}stale-reads.md`, text);
process.stdout.write("written to bench-results/stale-reads.md\n");

/** The phase in which something happens, without what comes after it. */
function firstOf(phase) {
  return PHASES.filter(({ name }) => name === phase).slice(0, 1);
}

function report() {
  const line = (cells) => `| ${cells.join(" | ")} |\n`;
  const table = (header, rows) => line(header) + line(header.map(() => "---")) + rows.map(line).join("");
  const time = (milliseconds) =>
    milliseconds < 1000 ? `${Math.ceil(milliseconds)} ms` : `${(milliseconds / 1000).toFixed(1)} s`;
  const total = PEERS.map(({ name }, at) => {
    const counts = Object.values(results[at]);
    const sum = (of) => counts.reduce((all, count) => all + count[of], 0);
    const oldest = Math.max(...counts.map((count) => count.oldest));
    return [name, sum("reads"), sum("stale"), time(oldest), sum("beyond"), sum("failed")];
  });
  const phases = PEERS.map(({ name }, at) => [
    name,
    ...NAMES.map((phase) => {
      const { stale, oldest } = results[at][phase];
      return stale === 0 ? "0" : `${stale}, ${time(oldest)}`;
    }),
  ]);
  const about = PEERS.map(({ name, about }) => `- ${name}: ${about}.\n`).join("");
  const seconds = (phases) => phases.reduce((sum, { lasts }) => sum + lasts, 0) / 1000;
  const [length, cut, halfOpen] = [PHASES, firstOf("cut"), firstOf("half-open")].map(seconds);
  return `${table(["", "reads", "stale", "the oldest", "beyond the bound of isocache", "failed"], total)}
By what was happening, and in the seconds after it: stale reads, and how old the oldest was.

${table(["", ...NAMES], phases)}
${about}
${length} seconds, ${KEYS} keys, a read each ${READ_EVERY} ms, Node ${process.version}. The line to the store delays what it carries by up to ${LONGEST_DELAY} ms,
is cut for ${cut} seconds, is half open for ${halfOpen} seconds; then the store is restarted without its entries, and emptied. A read that
took over 2 seconds, or found nothing where there was an entry, has failed. The bound of isocache is two heartbeats: ${BOUNDS.Redis / 1000} seconds
over Redis, ${BOUNDS["bridge, own store"] / 1000} over the bridge; the others state none. Each cache has a process and a store of its own; all
ran at the same time.
`;
}
