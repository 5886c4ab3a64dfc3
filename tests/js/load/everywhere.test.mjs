// Loading over every provider, in Node, Chromium and workerd: memory, and HTTP before the embedded store and before Redis.

import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import * as isocache from "isocache";
import { startRedis } from "../../support/redis.mjs";
import { nowhere } from "../http/support/faults.mjs";
import { startBridge, TOKEN } from "../http/support/servers.mjs";
import { launch } from "../support/browser.mjs";
import { serve } from "../support/server.mjs";
import { startWorker } from "../support/workerd.mjs";
import { EXPECTED, loading } from "./scenes.mjs";

const path = (name) => fileURLToPath(new URL(name, import.meta.url));
const ALL = { memory: EXPECTED, embedded: EXPECTED, redis: EXPECTED };

describe("loading everywhere", () => {
  let redis;
  let bridges;
  let pages;
  let given;
  before(async () => {
    const served = { "/scenes.mjs": await readFile(path("scenes.mjs"), "utf8") };
    pages = await serve({ folders: { "dist/": path("../../../pkg/dist") }, pages: served });
    redis = await startRedis();
    bridges = [
      await startBridge("--allow-origin", pages.url),
      await startBridge("--allow-origin", pages.url, "--store", redis.url),
    ];
    const [embedded, behind] = bridges.map(({ url }) => ({ url, token: TOKEN, timeout: "5m" }));
    given = { servers: { embedded, redis: behind }, dead: await nowhere() };
    served["/"] = `<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,"><script type="module">
      import * as isocache from "/dist/index.js";
      import { loading } from "/scenes.mjs";
      window.result = JSON.stringify(await loading(isocache, ${JSON.stringify(given)}));
    </script>`;
  });
  after(async () => {
    await pages?.close();
    await Promise.all((bridges ?? []).map((bridge) => bridge.close()));
    await redis?.close();
  });

  test("Node", async () => {
    assert.deepEqual(await loading(isocache, given), ALL);
  });

  test("Chromium", async () => {
    const browser = await launch();
    try {
      const { result, errors } = await browser.run(`${pages.url}/`);
      assert.deepEqual(result, ALL);
      // The console reports each request to the store that is away.
      assert.deepEqual(
        errors.filter((error) => !/ERR_CONNECTION_REFUSED/.test(error)),
        [],
      );
    } finally {
      await browser.close();
    }
  });

  test("workerd", async () => {
    const folder = await mkdtemp(join(path("."), ".worker-"));
    try {
      const file = join(folder, "worker.mjs");
      await writeFile(
        file,
        `import * as isocache from "isocache";
        import { loading } from "../scenes.mjs";
        const given = ${JSON.stringify(given)};
        export default { async fetch() { return Response.json(await loading(isocache, given)); } };`,
      );
      const worker = await startWorker(file, { compatibilityDate: "2026-01-01", vars: {} });
      try {
        assert.deepEqual(await (await fetch(worker.url)).json(), ALL);
      } finally {
        await worker.close();
      }
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
});
