// The built files in a real browser, as they are: no bundler, no driver code in the page.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { countAll } from "./conformance.mjs";
import { launch } from "./support/browser.mjs";
import { serve } from "./support/server.mjs";
import { missing, readTrace, references } from "./support/traces.mjs";

const folder = (path) => fileURLToPath(new URL(path, import.meta.url));
const imports = { isocache: "/dist/index.js", "isocache/memory": "/dist/memory.js" };

const page = (script) => `<!doctype html><meta charset="utf-8"><title>test</title>
<script type="importmap">${JSON.stringify({ imports })}</script>
<script type="module">${script}</script>`;

const SMOKE = (from) => `
import * as isocache from "${from}";
import { MemoryCache } from "${from.replace("index.js", "memory.js").replace(/^isocache$/, "isocache/memory")}";
const cache = new MemoryCache({ maxEntries: 2, ttl: "5m" });
cache.set("a", 1).set("b", { two: 2 }).set("c", "é😀");
const asynchronous = new isocache.Cache();
await asynchronous.namespace("n").set("a", [1]);
const result = JSON.stringify({
  entries: [...cache],
  hit: cache.get("b"),
  cleared: cache.clearPattern("[a-b]*"),
  engines: [isocache.MemoryCache.engine, MemoryCache.engine],
  size: await new isocache.Cache({ provider: cache }).get("c"),
  asynchronous: await asynchronous.get("n:a"),
});
`;
const EXPECTED = {
  entries: [
    ["c", "é😀"],
    ["b", { two: 2 }],
  ],
  hit: { two: 2 },
  cleared: 1,
  engines: ["js", "js"],
  size: "é😀",
  asynchronous: [1],
};
const withPolicy = (policy, script = "smoke") => ({
  body: `<!doctype html><meta charset="utf-8"><script type="module" src="/${script}.js"></script>`,
  headers: { "content-security-policy": `default-src 'self'; script-src ${policy}` },
});
const WORKER_PAGE = page(`
const worker = new Worker("/worker.js", { type: "module" });
worker.onmessage = ({ data }) => { window.result = data; };
worker.onerror = ({ message }) => { window.result = JSON.stringify({ error: message }); };
`);

describe("Chromium", () => {
  let browser;
  let server;

  before(async () => {
    const keys = missing ? [] : readTrace("web07.trace.xz");
    server = await serve({
      folders: { "dist/": folder("../../pkg/dist"), "vectors/": folder("../vectors") },
      pages: {
        "/conformance.mjs": readFileSync(new URL("conformance.mjs", import.meta.url), "utf8"),
        "/conformance-subjects.mjs": readFileSync(new URL("conformance-subjects.mjs", import.meta.url), "utf8"),
        "/favicon.ico": "",
        "/web07.json": JSON.stringify(keys),
        "/smoke.js": `${SMOKE("/dist/index.js")}window.result = result;`,
        "/worker.js": `${SMOKE("/dist/index.js")}postMessage(result);`,
        "/smoke": page(`${SMOKE("isocache")}window.result = result;`),
        "/wasm.js": `
          import { MemoryCache } from "/dist/wasm.js";
          window.result = JSON.stringify(new MemoryCache().set("a", MemoryCache.engine).get("a"));
        `,
        "/strict": withPolicy("'self'"),
        "/policy": withPolicy("'self' 'wasm-unsafe-eval'", "wasm"),
        "/forbidden": withPolicy("'self'", "wasm"),
        "/worker": WORKER_PAGE,
        "/conformance": page(`
          import * as isocache from "isocache";
          import { runAll } from "/conformance.mjs";
          const read = async (name) => (await fetch("/vectors/" + name + ".json")).json();
          window.result = JSON.stringify(await runAll(await read("conformance"), await read("glob"), isocache));
        `),
        "/replay": page(`
          import { MemoryCache } from "isocache/memory";
          const keys = (await (await fetch("/web07.json")).json()).map(String);
          const counts = new URLSearchParams(location.search).getAll("capacity").map((capacity) => {
            const cache = new MemoryCache({ maxEntries: Number(capacity) });
            for (const key of keys) {
              if (cache.get(key) === undefined) cache.set(key, true);
            }
            const { hits, misses } = cache.stats();
            return { capacity: Number(capacity), hits, requests: hits + misses };
          });
          window.result = JSON.stringify(counts);
        `),
      },
    });
    browser = await launch();
  });

  after(async () => {
    await browser?.close();
    await server?.close();
  });

  const open = (path) => browser.run(server.url + path);

  test("a module script with an import map", async () => {
    assert.deepEqual(await open("/smoke"), { result: EXPECTED, errors: [] });
  });

  test("a module worker", async () => {
    assert.deepEqual(await open("/worker"), { result: EXPECTED, errors: [] });
  });

  test("under a policy of 'self'", async () => {
    assert.deepEqual(await open("/strict"), { result: EXPECTED, errors: [] });
  });

  test("WebAssembly, under a policy of 'self' and 'wasm-unsafe-eval'", async () => {
    assert.deepEqual(await open("/policy"), { result: "wasm", errors: [] });
  });

  test("WebAssembly, under a policy of 'self': the error says what to add", async () => {
    const { result, errors } = await open("/forbidden");
    assert.equal(result, undefined);
    assert.ok(
      errors.some((text) => /^isocache: .*Content-Security-Policy.*script-src.*'wasm-unsafe-eval'/.test(text)),
      JSON.stringify(errors),
    );
  });

  test("the shared vectors", async () => {
    const { result, errors } = await open("/conformance");
    assert.deepEqual(errors, []);
    assert.deepEqual(result.failures, []);
    const vectors = (name) => JSON.parse(readFileSync(new URL(`../vectors/${name}.json`, import.meta.url)));
    assert.equal(result.passed, countAll(vectors("conformance")) + vectors("glob").cases.length);
  });

  test("web07: the exact hits of LRU", { skip: missing }, async () => {
    const expected = references("web07.trace.xz");
    assert.equal(expected.length, 4);
    const { result, errors } = await open(
      `/replay?${expected.map(({ capacity }) => `capacity=${capacity}`).join("&")}`,
    );
    assert.deepEqual(errors, []);
    assert.deepEqual(result, expected);
  });
});
