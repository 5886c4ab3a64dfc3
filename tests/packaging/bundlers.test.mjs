// The installed package in bundles, without any configuration.

import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { pathToFileURL } from "node:url";
import { runInNewContext } from "node:vm";
import * as esbuild from "esbuild";
import * as vite from "vite";
import { launch } from "../js/support/browser.mjs";
import { serve } from "../js/support/server.mjs";
import { EXPECTED, packed, USE } from "./support.mjs";

const SOURCE = `
import * as isocache from "isocache";
import * as memory from "isocache/memory";
${USE}
export const result = use(isocache, memory);
`;

describe("bundles", () => {
  let pack;
  let project;

  before(async () => {
    pack = await packed();
    project = await pack.project("bundles", {
      "source.js": SOURCE,
      "main.js": 'import { result } from "./source.js"; window.result = JSON.stringify(await result);',
      "index.html":
        '<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,"><script type="module" src="/main.js"></script>',
      "small.js": 'import { MemoryCache } from "isocache"; export const cache = new MemoryCache();',
    });
  });
  after(() => pack?.remove());

  const bundle = async (format, options = {}) => {
    const outfile = join(project, `bundle.${format}.mjs`);
    const { warnings } = await esbuild.build({
      ...{ absWorkingDir: project, entryPoints: ["source.js"], bundle: true, minify: true, outfile, format },
      ...{ logLevel: "silent", ...options },
    });
    assert.deepEqual(warnings, []);
    return outfile;
  };

  test("esbuild, esm", async () => {
    const { result } = await import(pathToFileURL(await bundle("esm", { target: "es2022" })));
    assert.deepEqual(await result, EXPECTED);
  });

  test("esbuild, without a platform and its conditions", async () => {
    const { result } = await import(`${pathToFileURL(await bundle("esm", { platform: "neutral" }))}?neutral`);
    assert.deepEqual(await result, EXPECTED);
  });

  test("esbuild, iife", async () => {
    const code = await readFile(await bundle("iife", { globalName: "bundled" }), "utf8");
    const result = await runInNewContext(`${code}; bundled.result.then(JSON.stringify)`, {
      ...{ WebAssembly, TextDecoder, TextEncoder, structuredClone, console },
      ...{ AbortController, setTimeout, clearTimeout, performance },
    });
    assert.deepEqual(JSON.parse(result), EXPECTED);
  });

  test("Vite, in Chromium: one script, no second copy of the wasm", async () => {
    await vite.build({ root: project, logLevel: "error", configFile: false });
    const dist = join(project, "dist");
    const files = (await readdir(dist, { recursive: true, withFileTypes: true })).filter((file) => file.isFile());
    assert.deepEqual(
      files.filter(({ name }) => !/\.(js|html)$/.test(name)),
      [],
    );
    const server = await serve({ folders: { "": dist } });
    const browser = await launch();
    try {
      assert.deepEqual(await browser.run(`${server.url}/index.html`), { result: EXPECTED, errors: [] });
    } finally {
      await browser.close();
      await server.close();
    }
  });

  test("who uses the memory cache alone does not get the other", async () => {
    const { outputFiles } = await esbuild.build({
      ...{ absWorkingDir: project, entryPoints: ["small.js"], bundle: true, format: "esm", write: false },
    });
    assert.ok(!outputFiles[0].text.includes("this Cache is closed"));
    assert.ok(outputFiles[0].text.includes("this MemoryCache is closed"));
  });
});
