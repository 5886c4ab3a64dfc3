// The rules of all providers over HTTP, in the other runtimes: Chromium, workerd, Deno and Bun, against the real bridge.

import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, beforeEach, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { HttpCache } from "isocache/http";
import { run, start } from "../../support/processes.mjs";
import { LIMIT, until } from "../../support/waiting.mjs";
import { remoteCases } from "../conformance-subjects.mjs";
import { launch } from "../support/browser.mjs";
import { serve } from "../support/server.mjs";
import {
  answer,
  endless,
  nowhere,
  reset,
  resetInBody,
  stalledBody,
  stalledHeaders,
  startFaults,
} from "./support/faults.mjs";
import { EXPECTED, WRONG } from "./support/outcomes.mjs";
import { startBridge, TOKEN } from "./support/servers.mjs";

const path = (name) => fileURLToPath(new URL(name, import.meta.url));
const root = path("../../..");
const bin = (name) => join(root, "node_modules", ".bin", name);
const conformance = JSON.parse(await readFile(path("../../vectors/conformance.json"), "utf8"));
const { cases, leftOut } = remoteCases(conformance, false);
const binary = remoteCases(conformance, false, { format: "bytes" }).cases;
const FAULTS = {
  error: answer(500, '{"error":"ERR oh"}'),
  page: answer(200, "<!doctype html>"),
  "cut-off": answer(200, '[{"result":"ab'),
  object: answer(200, '[{"result":{"a":1}}]'),
  busy: answer(503, "{}", { "retry-after": "1200" }),
  "too-many": answer(429, "{}", { "retry-after": "1200" }),
  forbidden: answer(403, '{"error":"NOPERM this token may only read"}'),
  redirect: answer(307, "", { location: "/elsewhere" }),
  reset,
  "reset-in-body": resetInBody,
  endless,
  half: stalledBody,
};

/** The four subjects, with both serializers. */
function check(results, t) {
  t.diagnostic(`${leftOut} cases that move the clock are left out`);
  assert.deepEqual(
    results.flatMap(({ failures }) => failures),
    [],
  );
  assert.deepEqual(
    results.map(({ passed }) => passed),
    [4 * cases.length, 4 * binary.length],
  );
}

describe("runtimes", () => {
  let pages;
  let bridge;
  let folder;
  let options;
  /** A server that never answers. */
  let stalled;
  /** One that does wrong what `WRONG` lists. */
  let faulty;
  let given;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "isocache-runtimes-"));
    const files = { "dist/": path("../../../pkg/dist"), "vectors/": path("../../vectors") };
    const served = {
      "/conformance.mjs": await readFile(path("../conformance.mjs"), "utf8"),
      "/conformance-subjects.mjs": await readFile(path("../conformance-subjects.mjs"), "utf8"),
      "/outcomes.mjs": await readFile(path("support/outcomes.mjs"), "utf8"),
      "/favicon.ico": "",
    };
    pages = await serve({ folders: files, pages: served });
    bridge = await startBridge("--allow-origin", pages.url);
    options = { url: bridge.url, token: TOKEN, timeout: "5m" };
    stalled = await startFaults();
    faulty = await startFaults();
    faulty.always = FAULTS;
    given = { ...options, dead: await nowhere(), stalled: stalled.url, faulty: faulty.url };
    const page = (script) => `<!doctype html><meta charset="utf-8"><script type="module">
      import * as isocache from "/dist/index.js";
      const options = ${JSON.stringify(options)};
      ${script}
    </script>`;
    served["/all.mjs"] = `
      import * as isocache from "/dist/index.js";
      import { messagePackSerializer } from "/dist/msgpack.js";
      import { runRemote } from "/conformance.mjs";
      import { outcomes } from "/outcomes.mjs";
      const { dead, stalled, faulty, ...options } = ${JSON.stringify(given)};
      export async function all() {
        const conformance = await (await fetch("/vectors/conformance.json")).json();
        const results = [];
        for (const serializer of [undefined, messagePackSerializer]) {
          results.push(await runRemote(conformance, isocache, { ...options, serializer }));
        }
        results.push(await outcomes(isocache, { dead, stalled, faulty }));
        return JSON.stringify(results);
      }`;
    served["/window"] = page('import { all } from "/all.mjs"; window.result = await all();');
    served["/worker.mjs"] = 'import { all } from "/all.mjs"; postMessage(await all());';
    served["/worker"] = page(`
      const worker = new Worker("/worker.mjs", { type: "module" });
      worker.onerror = ({ message }) => reportError(new Error(message));
      worker.onmessage = ({ data }) => { window.result = data; };`);
    served["/service.mjs"] = `import { all } from "/all.mjs";
      onmessage = (event) => event.waitUntil(all().then((result) => event.source.postMessage(result)));`;
    served["/service"] = page(`
      await navigator.serviceWorker.register("/service.mjs", { type: "module" });
      navigator.serviceWorker.addEventListener("message", ({ data }) => { window.result = data; });
      navigator.serviceWorker.startMessages();
      (await navigator.serviceWorker.ready).active.postMessage("all");`);
    served["/remote"] = page(`
      // What a browser allows only if the flag is not set: a body beyond 64 KiB.
      const cache = new isocache.HttpCache(options);
      await cache.set("large", "x".repeat(300_000));
      const { length } = await cache.get("large");
      const bodies = [];
      const watched = new isocache.HttpCache({ ...options, fetch: (url, init) => (bodies.push(init.body), fetch(url, init)) });
      await watched.clearPattern("lar*");
      await watched.clearPattern("lar*");
      window.result = JSON.stringify([length, bodies]);`);
  });
  beforeEach(async () => {
    // Patterns are tried on all keys that there are.
    await new HttpCache(options).clear();
    stalled.faults = Array(20).fill(stalledHeaders);
  });
  /** Nothing that was given up is still on the way. */
  async function checkOutcomes(outcomes, { resends = false } = {}) {
    assert.deepEqual(outcomes, EXPECTED);
    await until(() => stalled.open === 0);
    assert.ok(stalled.faults.length < 20, "it was asked");
    await until(() => faulty.open === 0);
    const asked = faulty.requests.splice(0).map(({ path }) => path);
    const each = Object.keys(WRONG).map((what) => `/${what}/pipeline`);
    // Some platforms send a request again whose connection broke before anything came back.
    assert.deepEqual((resends ? [...new Set(asked)] : asked).sort(), each.sort());
  }
  after(async () => {
    await bridge?.close();
    await stalled?.close();
    await faulty?.close();
    await pages?.close();
    await rm(folder, { recursive: true, force: true });
  });

  for (const [name, where] of [
    ["a page", "window"],
    ["a worker", "worker"],
    ["a service worker", "service"],
  ]) {
    test(`Chromium: ${name}, from another origin`, async (t) => {
      const browser = await launch();
      try {
        // Hundreds of cases, one after another.
        const { result, errors } = await browser.run(`${pages.url}/${where}`, 3 * LIMIT);
        const [json, messagePack, outcomes] = result;
        check([json, messagePack], t);
        await checkOutcomes(outcomes, { resends: true });
        // The console reports each request that failed; what else is there is ours.
        assert.deepEqual(
          errors.filter((error) => !/net::ERR_|status of/.test(error)),
          [],
        );
      } finally {
        await browser.close();
      }
    });
  }

  test("Chromium: a large body, and what the bridge announces", async () => {
    const browser = await launch();
    try {
      const { result, errors } = await browser.run(`${pages.url}/remote`);
      assert.deepEqual(errors, []);
      const [large, bodies] = result;
      assert.equal(large, 300_000);
      const clear = '[["ISOCACHE.CLEAR","lar*","JSON"]]';
      assert.deepEqual(bodies, [clear, clear], "the page may read what the bridge announces");
    } finally {
      await browser.close();
    }
  });

  for (const [name, command, ...args] of [
    ["Deno", "deno", "run", "--allow-all", "--no-lock", "--node-modules-dir=none"],
    ["Bun", "bun", "run"],
    ["Node", process.execPath],
  ]) {
    test(name, async (t) => {
      const program = command === process.execPath ? command : bin(command);
      const env = { ...process.env, DENO_DIR: join(folder, "deno"), DENO_NO_UPDATE_CHECK: "1" };
      const words = [...args, path("support/remote.mjs"), JSON.stringify(given)];
      const stdout = await run(program, words, { cwd: folder, env, limit: 3 * LIMIT });
      const [json, messagePack, outcomes] = JSON.parse(/^result: (.*)$/m.exec(stdout)[1]);
      check([json, messagePack], t);
      await checkOutcomes(outcomes, { resends: name === "Deno" });
    });
  }

  test("workerd, made at module scope", async (t) => {
    const source = `
      import * as isocache from "isocache";
      import { messagePackSerializer } from "isocache/msgpack";
      import conformance from "./tests/vectors/conformance.json";
      import { runRemote } from "./tests/js/conformance.mjs";
      import { outcomes } from "./tests/js/http/support/outcomes.mjs";
      const { dead, stalled, faulty, ...options } = ${JSON.stringify(given)};
      // Here the clock stands at 0, and timers, requests and random numbers are forbidden.
      const early = new isocache.HttpCache({ ...options, ttl: "5m" });
      const users = new isocache.Cache({ provider: early, namespace: "early" });
      export default {
        async fetch(request) {
          if (new URL(request.url).pathname === "/outcomes") {
            return Response.json(await outcomes(isocache, { dead, stalled, faulty }));
          }
          const serializer = new URL(request.url).pathname === "/messagepack" ? messagePackSerializer : undefined;
          await users.set("a", { b: [1] });
          const found = await users.get("a");
          return Response.json({ found, ...(await runRemote(conformance, isocache, { ...options, serializer })) });
        },
      };
    `;
    await build({
      stdin: { contents: source, resolveDir: root },
      ...{ absWorkingDir: folder, bundle: true, format: "esm", outfile: "worker.mjs", logLevel: "error" },
      conditions: ["workerd", "worker", "browser"],
    });
    const config = `
      using Workerd = import "/workerd/workerd.capnp";
      const config :Workerd.Config = (
        services = [ (name = "main", worker = .w), (name = "internet", network = (allow = ["private", "public"])) ],
        sockets = [ (name = "http", address = "127.0.0.1:0", http = (), service = "main") ]
      );
      const w :Workerd.Worker = (
        modules = [ (name = "worker.mjs", esModule = embed "worker.mjs") ],
        compatibilityDate = "2026-01-01"
      );
    `;
    await writeFile(join(folder, "config.capnp"), config);
    const workerd = start(bin("workerd"), ["serve", "--control-fd=1", join(folder, "config.capnp")]);
    try {
      const port = await workerd.said(/"event":"listen".*"port":(\d+)/);
      const results = [];
      for (const format of ["json", "messagepack"]) {
        const response = await fetch(`http://127.0.0.1:${port}/${format}`);
        const { found, ...result } = await response.json();
        assert.deepEqual(found, { b: [1] });
        results.push(result);
      }
      check(results, t);
      await checkOutcomes(await (await fetch(`http://127.0.0.1:${port}/outcomes`)).json());
    } finally {
      await workerd.stop();
    }
  });
});
