// The example worker in Rust, as it is, in real workerd, before a real bridge and an origin that counts.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { afterEach, before, beforeEach, test } from "node:test";
import { fileURLToPath } from "node:url";
import { HttpCache } from "isocache";
import { run } from "../../support/processes.mjs";
import { eventually } from "../../support/waiting.mjs";
import { startBridge, TOKEN } from "../http/support/servers.mjs";
import { ask, assertCounts, assertUser, counting, untilSets } from "../support/worker-examples.mjs";
import { startWorker } from "../support/workerd.mjs";

const ROOT = fileURLToPath(new URL("../../../", import.meta.url));
const EXAMPLE = `${ROOT}examples/rust-worker/`;
/** The build of the example downloads and compiles its dependencies. */
const BUILD_LIMIT = 30 * 60_000;

const settings = readFileSync(`${EXAMPLE}wrangler.toml`, "utf8");
const setting = (name) => new RegExp(`^${name} = "(.+)"$`, "m").exec(settings)?.[1];

let origin;
let started;

before(async () => {
  // What is built for the other tests is not built again.
  const env = { ...process.env, CARGO_TARGET_DIR: process.env.CARGO_TARGET_DIR ?? `${ROOT}target` };
  await run(`${EXAMPLE}build.sh`, [], { env, limit: BUILD_LIMIT });
});
beforeEach(async () => {
  started = [];
  origin = await use(startOrigin());
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

/** Users by their id, who can be replaced, and how often each was read. */
async function startOrigin() {
  const names = {};
  const reads = {};
  const server = createServer({ keepAliveTimeout: 0 }, async (request, response) => {
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
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    reads,
    url: `http://127.0.0.1:${server.address().port}`,
    close() {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(resolve));
    },
  };
}

/** The limit of an operation on the bridge is one that only a hang reaches, on a machine of any speed. */
function startExample(bridge, checkSeconds = "3600") {
  const limits = { BRIDGE_TIMEOUT_SECONDS: "300", CHECK_SECONDS: checkSeconds };
  return use(
    startWorker(EXAMPLE + setting("main"), {
      compatibilityDate: setting("compatibility_date"),
      vars: { BRIDGE_URL: bridge.url, BRIDGE_TOKEN: TOKEN, ORIGIN: origin.url, ...limits },
    }),
  );
}

/** The copy in memory, which is kept when the response to the write has arrived: then a read asks the bridge for nothing. */
function untilCopied(worker, path, count) {
  return eventually("a copy in memory", async () => {
    const { gets } = await count();
    await ask(worker, path);
    return (await count()).gets === gets ? true : undefined;
  });
}

test("a miss asks the bridge once and writes behind; a hit in memory asks nobody; another isolate asks the bridge", async () => {
  const bridge = await use(startBridge());
  const count = counting(bridge);
  const [here, there] = [await startExample(bridge), await startExample(bridge)];
  assert.deepEqual(await count(), { requests: 0, gets: 0, sets: 0, deletes: 0 });

  const begun = performance.now();
  await assertUser(here, "42", "first 42", "origin");
  // The first of them asks up to where changes are known.
  await assertCounts(count, { requests: 3, gets: 1, sets: 1, deletes: 0 });
  await untilCopied(here, "/users/42", count);
  const copied = await count();
  for (let times = 0; times < 20; times++) {
    await assertUser(here, "42", "first 42", "cache");
  }
  assert.deepEqual(await count(), copied);

  await assertUser(there, "42", "first 42", "cache");
  await untilCopied(there, "/users/42", count);
  // One more request than reads: where changes are known.
  const { gets } = await count();
  assert.ok(gets > copied.gets);
  assert.deepEqual(await count(), { ...copied, requests: copied.requests + 1 + gets - copied.gets, gets });
  assert.deepEqual(origin.reads, { 42: 1 });

  // JavaScript reads what Rust has stored.
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
  await assertUser(there, "7", "second", "cache");
});

test("requests at the same time get each their own answer", async () => {
  const bridge = await use(startBridge());
  const worker = await startExample(bridge);
  const ids = Array.from({ length: 300 }, (_, number) => `${1000 + (number % 100)}`);
  // From where depends on how long the bridge takes with all of them.
  const answers = await Promise.all(ids.map((id) => ask(worker, `/users/${id}`)));
  assert.deepEqual(
    answers.map(({ text }) => text),
    ids.map((id) => JSON.stringify({ id, name: `first ${id}` })),
  );
});

test("what the origin refuses is passed on, and not stored", async () => {
  const bridge = await use(startBridge());
  const count = counting(bridge);
  const worker = await startExample(bridge);
  for (let times = 1; times <= 2; times++) {
    assert.deepEqual(await ask(worker, "/users/404"), { status: 404, from: null, text: "nobody" });
    await assertCounts(count, { requests: times + 1, gets: times, sets: 0, deletes: 0 });
  }
  for (const path of ["/", "/users/", "/users/none", "/users/1/2", "/other/1"]) {
    assert.equal((await ask(worker, path)).status, 404, path);
  }
  assert.equal((await ask(worker, "/users/1", { method: "DELETE" })).status, 405);
});

test("a write ends the copies of other isolates, as soon as they check", async () => {
  const bridge = await use(startBridge());
  const [here, there] = [await startExample(bridge), await startExample(bridge, "0.05")];
  await assertUser(here, "9", "first 9", "origin");
  await untilSets(counting(bridge), 1);
  await assertUser(there, "9", "first 9", "cache");
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
  const count = counting(bridge);
  await assertUser(worker, "1", "first 1", "origin");
  await untilSets(count, 1);
  await untilCopied(worker, "/users/1", count);
  await bridge.close();

  await assertUser(worker, "1", "first 1", "cache");
  // The breaker opens on the way.
  for (let id = 100; id < 120; id++) {
    // Nobody could tell when a copy of it changes.
    await assertUser(worker, `${id}`, `first ${id}`, "origin");
    await assertUser(worker, `${id}`, `first ${id}`, "origin");
    await assertUser(worker, "1", "first 1", "cache");
  }
  await worker.said(/(failed \d+ times in a row)/, "stderr");
  const put = await ask(worker, "/users/1", { method: "PUT", body: JSON.stringify({ name: "second" }) });
  assert.equal(put.status, 204);
  await assertUser(worker, "1", "second", "origin");
});
