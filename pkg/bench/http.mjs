// `node pkg/bench/http.mjs`: HttpCache beside @upstash/redis, over one bridge with its own store, in turns. --quick: less exact.
// The bridge is the one named by ISOCACHE_BIN, or that of `cargo build --release --package isocache-bridge`.

import { once } from "node:events";
import { mkdirSync, writeFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { fileURLToPath } from "node:url";
import { Redis } from "@upstash/redis";
import { HttpCache } from "isocache/http";
import { median } from "./report.mjs";

process.env.ISOCACHE_BIN ??= fileURLToPath(new URL("../../target/release/isocache", import.meta.url));
const { startBridge } = await import("../../tests/js/http/support/servers.mjs");

const quick = process.argv.includes("--quick");
const effort = quick ? { rounds: 9, milliseconds: 150 } : { rounds: 25, milliseconds: 400 };
const CONCURRENT = 100;
const LENGTHS = { "100 bytes": 100, "10 KiB": 10_240 };

const bridge = await startBridge();
const clients = {
  isocache: (url, fetch) => new HttpCache({ url, token: bridge.token, fetch }),
  // What its own cache option does costs two headers; everything is as it comes.
  "@upstash/redis": (url) => new Redis({ url, token: bridge.token }),
};

/** A value of about so many bytes as JSON. */
function valueOfBytes(bytes) {
  const value = { id: 123, name: "", tags: ["a", "b"] };
  value.name = "x".repeat(bytes - JSON.stringify(value).length);
  return value;
}

const SCENARIOS = {
  get: { at: 1, run: (client, key) => client.get(key) },
  set: { at: 1, run: (client, key, value) => client.set(key, value) },
  [`${CONCURRENT} gets`]: {
    at: CONCURRENT,
    run: (client, key) => Promise.all(Array.from({ length: CONCURRENT }, (_, at) => client.get(`${key}:${at}`))),
  },
};

try {
  const rows = [];
  for (const [size, bytes] of Object.entries(LENGTHS)) {
    const value = valueOfBytes(bytes);
    for (const [name, scenario] of Object.entries(SCENARIOS)) {
      rows.push({ name, size, ...(await compare(scenario, value)), wire: await wire(scenario, value) });
    }
  }
  const text = report(rows);
  process.stdout.write(text);
  const folder = fileURLToPath(new URL("../../bench-results/", import.meta.url));
  mkdirSync(folder, { recursive: true });
  writeFileSync(`${folder}http.md`, text);
} finally {
  await bridge.close();
}

/** Both clients, round by round: operations in a second, and the time of each in microseconds. */
async function compare(scenario, value) {
  const names = Object.keys(clients);
  const made = names.map((name) => clients[name](bridge.url));
  await fill(made[0], value);
  const rates = names.map(() => []);
  const times = names.map(() => []);
  for (const client of made) {
    await round(scenario, client, value, effort.milliseconds);
  }
  for (let turn = 0; turn < effort.rounds; turn++) {
    for (let step = 0; step < names.length; step++) {
      const at = (turn + step) % names.length;
      const spent = await round(scenario, made[at], value, effort.milliseconds);
      rates[at].push((spent.length * scenario.at * 1e6) / spent.reduce((sum, time) => sum + time, 0));
      times[at].push(median(spent));
    }
  }
  const own = [];
  for (const name of names) {
    own.push(await withoutNetwork(name, scenario, value));
  }
  return {
    rates: rates.map(median),
    times: times.map(median),
    // Round against round: what else runs on the machine hits both.
    ratio: median(rates[0].map((rate, at) => rate / rates[1][at])),
    own,
  };
}

async function fill(client, value) {
  await client.set("bench", value);
  await client.setMany(Array.from({ length: CONCURRENT }, (_, at) => ({ key: `bench:${at}`, value })));
}

/** For some time, one after another: the microseconds of each. */
async function round({ run }, client, value, milliseconds) {
  const spent = [];
  const end = performance.now() + milliseconds;
  for (let now = performance.now(); now < end; ) {
    await run(client, "bench", value);
    const then = performance.now();
    spent.push((then - now) * 1000);
    now = then;
  }
  return spent;
}

/** The same with an answer at hand: what is left is the client's own time. In microseconds. */
async function withoutNetwork(name, scenario, value) {
  const real = globalThis.fetch;
  let status;
  let text;
  let headers;
  globalThis.fetch = async (...request) => {
    const response = await real(...request);
    ({ status, headers } = response);
    text = await response.text();
    return new Response(text, { status, headers });
  };
  try {
    const client = clients[name](bridge.url);
    await scenario.run(client, "bench", value);
    globalThis.fetch = async () => new Response(text, { status, headers });
    await round(scenario, client, value, effort.milliseconds);
    return median(await round(scenario, client, value, effort.milliseconds));
  } finally {
    globalThis.fetch = real;
  }
}

/** Bytes to the bridge and back, of one operation on an open connection. */
async function wire(scenario, value) {
  const bytes = [];
  for (const make of Object.values(clients)) {
    let [sent, received] = [0, 0];
    const { port, hostname } = new URL(bridge.url);
    const sockets = [];
    const proxy = createServer((near) => {
      const far = connect(Number(port), hostname);
      sockets.push(near, far);
      near.on("data", (data) => {
        sent += data.length;
        far.write(data);
      });
      far.on("data", (data) => {
        received += data.length;
        near.write(data);
      });
      near.on("error", () => far.destroy());
      far.on("error", () => near.destroy());
    }).listen(0, "127.0.0.1");
    await once(proxy, "listening");
    const client = make(`http://127.0.0.1:${proxy.address().port}`);
    await scenario.run(client, "bench", value);
    [sent, received] = [0, 0];
    await scenario.run(client, "bench", value);
    bytes.push({ sent, received });
    for (const socket of sockets) {
      socket.destroy();
    }
    proxy.close();
  }
  return bytes;
}

function report(rows) {
  const names = Object.keys(clients);
  const line = (cells) => `| ${cells.join(" | ")} |\n`;
  const pair = (values) => values.map((value) => `${value}`);
  const header = ["operation", "value", ...names.map((name) => `${name}: a second`), "ratio"];
  const more = [
    ...names.map((name) => `${name}: p50 µs`),
    ...names.map((name) => `${name}: bytes there + back`),
    ...names.map((name) => `${name}: own time`),
  ];
  const cells = ({ name, size, rates, times, ratio, wire, own }) => [
    ...[name, size, ...pair(rates.map(Math.round)), `${ratio.toFixed(2)}x`],
    ...pair(times.map(Math.round)),
    ...wire.map(({ sent, received }) => `${sent} + ${received}`),
    ...own.map((time, at) => `${Math.round(time)} µs, ${Math.round((time / times[at]) * 100)} %`),
  ];
  const all = [...header, ...more];
  const goal = rows.map(({ name, size, ratio, times: [ours, theirs] }) => {
    const reached = ratio >= 1.5 && ours <= theirs;
    return `- ${reached ? "reached" : "NOT REACHED"}: ${name}, ${size}: at least 1.5x the throughput of ${names[1]}, no more latency: ${ratio.toFixed(2)}x, ${Math.round(ours)} µs against ${Math.round(theirs)} µs\n`;
  });
  return `# HttpCache and ${names[1]} over one bridge

Node ${process.version}, one process, the bridge beside it with its own store. Medians of ${effort.rounds} rounds of ${effort.milliseconds} ms in turn; the ratio is
that of the rounds. Own time: with a \`fetch\` that has the answer at hand, which leaves what the client does itself and the
making of a \`Response\`, of which Node's own client, that isocache otherwise uses, has no need; its share of the p50.

${line(all)}${line(all.map(() => "---"))}${rows.map((row) => line(cells(row))).join("")}
## Goals

${goal.join("")}`;
}
