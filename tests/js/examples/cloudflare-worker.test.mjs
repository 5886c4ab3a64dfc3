// The example worker, as it is, in real workerd, before a real bridge and an origin that counts.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { afterEach, beforeEach, test } from "node:test";
import { fileURLToPath } from "node:url";
import { HttpCache } from "isocache";
import { eventually } from "../../support/waiting.mjs";
import { startBridge, TOKEN } from "../http/support/servers.mjs";
import { ask, assertCounts, assertUser, counting, untilSets } from "../support/worker-examples.mjs";
import { startWorker } from "../support/workerd.mjs";

const EXAMPLE = fileURLToPath(new URL("../../../examples/cloudflare-worker/", import.meta.url));

const settings = readFileSync(`${EXAMPLE}wrangler.toml`, "utf8");
const setting = (name) => new RegExp(`^${name} = "(.+)"$`, "m").exec(settings)?.[1];

let origin;
let started;

beforeEach(async () => {
  started = [];
  origin = started[0] = await startOrigin();
});
afterEach(async () => {
  for (const one of started.reverse()) {
    await one.close();
  }
});

/** Starts what ends with the test. */
async function use(starting) {
  const one = await starting;
  started.push(one);
  return one;
}

async function listening(handle) {
  const server = createServer({ keepAliveTimeout: 0 }, handle);
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    close() {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Users by their id, who can be replaced, and how often each was read. */
async function startOrigin() {
  const names = {};
  const reads = {};
  const server = await listening(async (request, response) => {
    const id = request.url.replace("/users/", "");
    if (request.method === "PUT") {
      names[id] = JSON.parse((await request.toArray()).join("")).name;
      response.writeHead(204).end();
    } else if (id === "404") {
      response.writeHead(404).end("nobody");
    } else {
      reads[id] = (reads[id] ?? 0) + 1;
      response.end(JSON.stringify({ id, name: names[id] ?? `first ${id}` }));
    }
  });
  return { ...server, reads };
}

/** The limit of an operation on the bridge is one that only a hang reaches, on a machine of any speed. */
function startExample(bridge, checkInterval = "1h", timeout = "5m") {
  const limits = { BRIDGE_TIMEOUT: timeout, CHECK_INTERVAL: checkInterval };
  return use(
    startWorker(EXAMPLE + setting("main"), {
      compatibilityDate: setting("compatibility_date"),
      vars: { BRIDGE_URL: bridge.url, BRIDGE_TOKEN: TOKEN, ORIGIN: origin.url, ...limits },
    }),
  );
}

/** The copy in memory, which is kept when the response to the write has arrived. */
function untilCopied(worker, path) {
  return eventually("a copy in memory", async () => {
    const { from } = await ask(worker, path);
    return from === "memory" ? true : undefined;
  });
}

test("the settings name what the worker reads", () => {
  const source = readFileSync(EXAMPLE + setting("main"), "utf8");
  const read = new Set([...source.matchAll(/\benv\.(\w+)/g)].map(([, name]) => name));
  assert.deepEqual([...read].sort(), ["BRIDGE_TIMEOUT", "BRIDGE_TOKEN", "BRIDGE_URL", "CHECK_INTERVAL", "ORIGIN"]);
  for (const name of read) {
    assert.match(settings, new RegExp(`\\b${name}\\b`));
  }
  assert.match(setting("compatibility_date"), /^\d{4}-\d\d-\d\d$/);
});

test("a miss asks the bridge once and writes behind; a hit in memory asks nobody; another isolate asks the bridge", async () => {
  const bridge = await use(startBridge());
  const count = counting(bridge);
  const [here, there] = [await startExample(bridge), await startExample(bridge)];
  assert.deepEqual(await count(), { requests: 0, gets: 0, sets: 0, deletes: 0 });

  const begun = performance.now();
  await assertUser(here, "42", "first 42", "origin");
  // The first of them asks up to where changes are known.
  await assertCounts(count, { requests: 3, gets: 1, sets: 1, deletes: 0 });
  await untilCopied(here, "/users/42");
  const copied = await count();
  for (let times = 0; times < 20; times++) {
    await assertUser(here, "42", "first 42", "memory");
  }
  assert.deepEqual(await count(), copied);

  await assertUser(there, "42", "first 42", "bridge");
  await untilCopied(there, "/users/42");
  // One more request than reads: where changes are known.
  const { gets } = await count();
  assert.ok(gets > copied.gets);
  assert.deepEqual(await count(), { ...copied, requests: copied.requests + 1 + gets - copied.gets, gets });
  assert.deepEqual(origin.reads, { 42: 1 });

  const stored = new HttpCache({ url: bridge.url, timeout: "5m", token: TOKEN, namespace: "shop" });
  const { value, ttl } = await stored.getWithTtl("user:42");
  assert.deepEqual(value, { id: "42", name: "first 42" });
  assert.ok(ttl > 299 - (performance.now() - begun) / 1000 && ttl <= 300, `${ttl}`);
});

test("a write is seen by the next read, and by other isolates that have nothing in memory", async () => {
  const bridge = await use(startBridge());
  const count = counting(bridge);
  const [here, there] = [await startExample(bridge), await startExample(bridge)];
  await assertUser(here, "7", "first 7", "origin");
  await untilSets(count, 1);

  const put = await ask(here, "/users/7", { method: "PUT", body: JSON.stringify({ name: "second" }) });
  assert.equal(put.status, 204);
  assert.equal((await count()).deletes, 1);
  await assertUser(here, "7", "second", "origin");
  await untilSets(count, 2);
  await assertUser(there, "7", "second", "bridge");

  // Somebody else clears the bridge: who has nothing in memory asks the origin.
  await assertUser(here, "8", "first 8", "origin");
  await untilSets(count, 3);
  const other = new HttpCache({ url: bridge.url, timeout: "5m", token: TOKEN, namespace: "shop" });
  assert.equal(await other.clearPattern("user:*"), 2);
  await assertUser(there, "8", "first 8", "origin");
  assert.equal(origin.reads[8], 2);
});

test("what the origin refuses is passed on, and not stored", async () => {
  const bridge = await use(startBridge());
  const count = counting(bridge);
  const worker = await startExample(bridge);
  for (let times = 1; times <= 2; times++) {
    assert.deepEqual(await ask(worker, "/users/404"), { status: 404, from: null, text: "nobody" });
    await assertCounts(count, { requests: times + 1, gets: times, sets: 0, deletes: 0 });
  }
  assert.equal((await ask(worker, "/users/none")).status, 404);
  assert.equal((await ask(worker, "/users/1", { method: "DELETE" })).status, 405);
});

test("a write ends the copies of other isolates, as soon as they check", async () => {
  const bridge = await use(startBridge());
  const [here, there] = [await startExample(bridge), await startExample(bridge, "50ms")];
  await assertUser(here, "9", "first 9", "origin");
  await untilSets(counting(bridge), 1);
  assert.equal((await ask(there, "/users/9")).from, "bridge");
  const put = await ask(here, "/users/9", { method: "PUT", body: JSON.stringify({ name: "second" }) });
  assert.equal(put.status, 204);
  await eventually("the new name", async () => {
    const { text } = await ask(there, "/users/9");
    return JSON.parse(text).name === "second" ? true : undefined;
  });
});

test("with the bridge gone the origin answers, and memory still does", async () => {
  const bridge = await use(startBridge());
  const worker = await startExample(bridge);
  await assertUser(worker, "1", "first 1", "origin");
  await untilCopied(worker, "/users/1");
  await bridge.close();

  await assertUser(worker, "1", "first 1", "memory");
  // The breaker opens on the way.
  for (let id = 100; id < 120; id++) {
    // Nobody could tell when a copy of it changes.
    await assertUser(worker, `${id}`, `first ${id}`, "origin");
    await assertUser(worker, `${id}`, `first ${id}`, "origin");
    await assertUser(worker, "1", "first 1", "memory");
  }
  await worker.said(/(failed 5 times in a row)/, "stderr");
  const put = await ask(worker, "/users/1", { method: "PUT", body: JSON.stringify({ name: "second" }) });
  assert.equal(put.status, 204);
  await assertUser(worker, "1", "second", "origin");
});

test("a bridge that never answers is waited for 250 ms, and soon not at all", async () => {
  let requests = 0;
  const silent = await use(
    listening(() => {
      requests++;
    }),
  );
  const worker = await startExample(silent, "1h", "250ms");
  let id = 0;
  const read = () => assertUser(worker, `${++id}`, `first ${id}`, "origin");
  await read();
  await worker.said(/(no response from http:\S+ within 250 ms)/, "stderr");
  // Each read asks twice, for the value and to store it, until the breaker opens at five failures.
  for (let reads = 0; reads < 5; reads++) {
    await read();
  }
  await worker.said(/(failed 5 times in a row)/, "stderr");
  // A probe may be sent now and then.
  await eventually("a read that asks nothing", async () => {
    const before = requests;
    await read();
    return requests === before || undefined;
  });
});
