// `node pkg/bench/commands.mjs`: commands that reach Redis for each 1,000 reads of a recorded trace, with and without copies in
// memory. Redis counts them itself. --quick: only the beginning of each trace. It needs redis-server, the traces (see
// ISOCACHE_TRACES), and what `cargo build --release --package isocache-bridge --package cache-reader` makes; another bridge can be
// named by ISOCACHE_BIN.

import { mkdirSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { HttpCache, TieredCache } from "isocache";
import { openReader } from "./cache-reader.mjs";
import { STORES } from "./stale-reads/stores.mjs";
import { recorded, trace } from "./streams.mjs";

const LONGEST = process.argv.includes("--quick") ? 10_000 : 100_000;
const TRACES = ["web07", "orm-busy"];
const COPIES = [1000, 10_000];
/** One in so many operations is a write, by somebody who writes directly in Redis. */
const WRITE_EVERY = 100;

const ofBridge = ({ port, token }) => new HttpCache({ url: `http://127.0.0.1:${port}`, token });
const SUBJECTS = [
  {
    name: "`HttpCache`, bridge before Redis",
    store: "bridge, Redis",
    open: async (store) => httpReader(ofBridge(store)),
  },
  ...COPIES.map((entries) => ({
    name: `\`TieredCache\`, ${entries} copies, bridge before Redis`,
    store: "bridge, Redis",
    async open(store) {
      const tiers = new TieredCache({ far: ofBridge(store), near: { maxEntries: entries } });
      await tiers.ready();
      return httpReader(tiers);
    },
  })),
  { name: "`RedisCacheProvider`", store: "Redis", open: ({ port }) => openReader("redis", port) },
  ...COPIES.map((entries) => ({
    name: `\`TieredCacheProvider\`, ${entries} copies, Redis`,
    store: "Redis",
    open: ({ port }) => openReader("tiered", port, entries),
  })),
];

const httpReader = (cache) => ({ read: (key) => cache.get(key), close: () => cache.close() });

const missing = TRACES.map((name) => recorded(name).missing).find(Boolean);
if (missing) {
  process.stdout.write(`not measured: ${missing}\n`);
} else {
  const rows = [];
  for (const name of TRACES) {
    const keys = trace(recorded(name).path).slice(0, LONGEST);
    for (const subject of SUBJECTS) {
      rows.push({ trace: name, name: subject.name, ...(await count(subject, keys)) });
    }
  }
  const text = report(rows);
  process.stdout.write(text);
  const folder = fileURLToPath(new URL("../../bench-results/", import.meta.url));
  mkdirSync(folder, { recursive: true });
  writeFileSync(`${folder}commands.md`, text);
  process.stdout.write("written to bench-results/commands.md\n");
}

/** Replays a trace, in which every key has an entry. */
async function count({ store: kind, open }, keys) {
  const store = await STORES[kind]();
  let value = 0;
  const present = [...new Set(keys)];
  for (let at = 0; at < present.length; at += 1000) {
    await Promise.all(present.slice(at, at + 1000).map((key) => store.write(key, ++value)));
  }
  const cache = await open(store);
  await store.command(["CONFIG", "RESETSTAT"]);
  let [reads, writes] = [0, 0];
  for (const [at, key] of keys.entries()) {
    if (at % WRITE_EVERY === WRITE_EVERY - 1) {
      await store.write(key, ++value);
      writes++;
    } else {
      const found = await cache.read(key);
      if (found === undefined) {
        throw new Error(`${key} was not found`);
      }
      reads++;
    }
  }
  const calls = callsOf(await store.command(["INFO", "commandstats"]));
  await cache.close();
  await store.close();
  // What this program sent itself does not count.
  calls.set("set", calls.get("set") - writes);
  calls.delete("config|resetstat");
  calls.delete("info");
  const all = [...calls.values()].reduce((sum, one) => sum + one, 0);
  const sorted = [...calls].filter(([, one]) => one > 0).toSorted(([, one], [, other]) => other - one);
  const asked = calls.get("get") ?? 0;
  return {
    reads,
    asked: (asked * 1000) / reads,
    all: (all * 1000) / reads,
    calls: sorted.map(([name, one]) => `${one} ${name}`).join(", "),
  };
}

/** From `cmdstat_get:calls=12,usec=…`: how often each command was called. */
function callsOf(info) {
  return new Map([...info.matchAll(/^cmdstat_([^:]+):calls=(\d+)/gm)].map(([, name, calls]) => [name, Number(calls)]));
}

function report(rows) {
  const line = (cells) => `| ${cells.join(" | ")} |\n`;
  const header = ["trace", "", "reads", "of 1,000, those that asked Redis", "commands for each 1,000", "which"];
  return `${line(header)}${line(header.map(() => "---"))}${rows
    .map((row) => line([row.trace, row.name, row.reads, row.asked.toFixed(0), row.all.toFixed(0), row.calls]))
    .join("")}
The first ${LONGEST.toLocaleString("en")} accesses of each trace, or all of a shorter one, one after another; each hundredth is a write by somebody else, directly in
Redis. All keys have an entry when it begins, and there are no copies. Redis has counted the commands itself, also those of connecting and of heartbeats.
`;
}
