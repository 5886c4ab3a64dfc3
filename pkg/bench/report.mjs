// Tables and goals, as Markdown.

import { cpus, loadavg } from "node:os";
import { goals } from "./goals.mjs";
import { ASYNC_PEERS, PEERS } from "./peers.mjs";
import { HEAP } from "./speed.mjs";

function quantile(numbers, at) {
  const sorted = numbers.toSorted((a, b) => a - b);
  return sorted[Math.round((sorted.length - 1) * at)];
}

export const median = (numbers) => quantile(numbers, 0.5);

const line = (cells) => `| ${cells.join(" | ")} |\n`;
const table = (header, rows) => line(header) + line(header.map(() => "---")) + rows.map(line).join("");
const names = (peers) => peers.map((peer) => peer.name);

export function markdown({ rows, footprint, sizes, imports, effort }) {
  const sync = rows.filter((row) => !row.scenario.isAsync);
  const asynchronous = rows.filter((row) => row.scenario.isAsync);
  const time = ({ scenario, results }, name) => {
    const result = results[(scenario.isAsync ? ASYNC_PEERS : PEERS).findIndex((peer) => peer.name === name)];
    return result ? Math.min(...result.ns) : undefined;
  };
  const label = ({ scenario: { name, entries, ttl } }) => [name, entries, ttl ? "ttl" : "-"];
  const labels = ["scenario", "entries", "ttl"];
  const cells = (row, of) => row.results.map((result) => (result === null ? "-" : of(result)));
  const ns = (row) => [
    ...label(row),
    ...cells(row, (result) => `${Math.min(...result.ns).toFixed(1)} / ${median(result.ns).toFixed(1)}`),
  ];
  const over = (row, peer) => {
    const theirs = time(row, peer);
    return theirs === undefined ? "-" : `${(theirs / time(row, "isocache")).toFixed(2)}x`;
  };
  const of = (row, base) => {
    const against = time(row, base);
    return [...label(row), ...cells(row, (result) => (Math.min(...result.ns) / against).toFixed(2))];
  };
  const spread = (row) => [
    ...label(row),
    ...cells(row, ({ ns }) => `${Math.round(((quantile(ns, 0.75) - quantile(ns, 0.25)) / median(ns)) * 100)} %`),
  ];
  const parts = ["# JavaScript: isocache and its peers\n"];
  const list = (peers) => peers.map((peer) => `- ${peer.name}: ${peer.about}\n`).join("");
  const add = (title, ...content) => parts.push(`## ${title}\n`, ...content);
  parts.push(
    `Node ${process.version} with ${HEAP.join(" ")}, ${cpus()[0]?.model.trim()}, load ${loadavg()[0].toFixed(1)} on ${cpus().length} ` +
      `processors, ${new Date().toISOString().slice(0, 10)}. Keys of 12 characters made before, values are objects. Minimum / median of ` +
      `${effort.launches * effort.rounds} rounds of ${effort.operations} operations; each peer in a process of its own ` +
      `(${effort.launches} one after another), the rounds in turn. A ttl is one for the whole cache, of an hour. ` +
      "A dash: the peer has no ttl, no limit, or no part in the scenario.\n",
    list(PEERS),
  );
  if (sync.length > 0) {
    add(
      "Synchronous: nanoseconds per operation",
      "The last two columns are the speed of isocache over that of the peer.\n",
      table(
        [...labels, ...names(PEERS), "over lru-cache", "over mnemonist"],
        sync.map((row) => [...ns(row), over(row, "lru-cache"), over(row, "mnemonist")]),
      ),
    );
    add(
      "Time over that of isocache",
      table(
        [...labels, ...names(PEERS)],
        sync.map((row) => of(row, "isocache")),
      ),
    );
    add(
      "Time over that of lru-cache",
      table(
        [...labels, ...names(PEERS)],
        sync.map((row) => of(row, "lru-cache")),
      ),
    );
    add(
      "Spread: the middle half of the rounds, over the median",
      table([...labels, ...names(PEERS)], sync.map(spread)),
    );
    const looking = sync.filter((row) => row.scenario.name.startsWith("aside"));
    const ratios = (row) => [...label(row), ...cells(row, (result) => (result.hitRatio * 100).toFixed(2))];
    if (looking.length > 0) {
      add("Hit ratio in cache-aside, percent", table([...labels, ...names(PEERS)], looking.map(ratios)));
    }
  }
  if (asynchronous.length > 0) {
    add(
      "Asynchronous: nanoseconds per awaited operation",
      list(ASYNC_PEERS),
      table([...labels, ...names(ASYNC_PEERS)], asynchronous.map(ns)),
      table(
        [...labels, ...names(ASYNC_PEERS)],
        asynchronous.map((row) => of(row, "isocache")),
      ),
    );
  }
  if (footprint.length > 0) {
    const bytes = (peers, one) => peers.map((peer) => (peer === null ? "-" : one(peer)));
    const total = ({ heap, external, wasm }) => (heap + external + wasm).toFixed(1);
    const split = ({ heap, external, wasm }) => [heap, external, wasm].map((part) => part.toFixed(0)).join("+");
    add(
      "Bytes of memory per entry",
      "Key of 16 characters (32 bytes of it are the text itself), a small number as value. Heap, external and wasm memory " +
        "together, and then apart. The wasm memory of the first cache, which every program with isocache has once: " +
        `${footprint[0].peers[0].fixedWasm / 1024} KB.\n`,
      table(
        ["entries", "ttl", "what", ...names(PEERS)],
        footprint.flatMap(({ entries, ttl, peers }) => [
          [entries, ttl ? "ttl" : "-", "bytes", ...bytes(peers, total)],
          [entries, ttl ? "ttl" : "-", "heap+external+wasm", ...bytes(peers, split)],
        ]),
      ),
    );
  }
  add(
    "Size of a bundle, bytes",
    table(
      ["entry", "for", "minified", "gzip", "brotli"],
      sizes.map(({ name, platform, minified, gzip, brotli }) => [name, platform, minified, gzip, brotli]),
    ),
  );
  add(
    "Import in Node, milliseconds of processor time",
    table(
      ["package", "shortest"],
      imports.map(({ name, milliseconds }) => [name, milliseconds.toFixed(1)]),
    ),
  );
  const reached = goals(rows, time, sizes, imports);
  add(
    "Goals",
    reached.map((goal) => `- ${goal.reached ? "reached" : "NOT REACHED"}: ${goal.what}: ${goal.measured}\n`).join(""),
  );
  return { text: parts.join("\n"), goals: reached };
}
