// Several copies of the package in one process, as in a production build of Next, where the bundle of a page has one copy and
// that of a route handler another.

import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { pathToFileURL } from "node:url";
import * as esbuild from "esbuild";
import { packed } from "./support.mjs";

const PAGE = `
import { cached, defaultCache, MemoryCache } from "isocache";
let loads = 0;
const gate = [];
export const user = cached(async (id) => id + " " + ++loads, { key: "user:{0}" });
export const slow = cached(() => new Promise((resolve) => gate.push(resolve)), { key: "slow:{0}" });
export const open = () => gate.splice(0).forEach((resolve) => resolve("loaded"));
export { defaultCache, MemoryCache };
`;
const ROUTE = `
import { Cache, cached, defaultCache, MemoryCache } from "isocache";
const user = cached(async () => "of the route", { key: "user:{0}" });
export const invalidate = (id) => user.invalidate(id);
export const set = (key, value) => defaultCache().set(key, value);
export { Cache, defaultCache, MemoryCache };
`;

describe("two bundles in one process", () => {
  let pack;
  let project;
  let page;
  let route;

  before(async () => {
    pack = await packed();
    project = await pack.project("copies", {
      "page.js": PAGE,
      "route.js": ROUTE,
    });
    const bundle = async (name, format, options) => {
      const outfile = join(project, `${name}.${format === "esm" ? "mjs" : "cjs"}`);
      await esbuild.build({
        ...{ absWorkingDir: project, entryPoints: [`${name}.js`], bundle: true, minify: true, outfile, format },
        ...{ logLevel: "error", ...options },
      });
      return outfile;
    };
    // One for the edge or the browser, one for Node: their engines differ, too.
    page = await import(pathToFileURL(await bundle("page", "esm", {})));
    route = createRequire(import.meta.url)(await bundle("route", "cjs", { platform: "node" }));
  });
  after(() => pack?.remove());

  test("the copies are two, and run the engine in different forms", () => {
    assert.notEqual(page.MemoryCache, route.MemoryCache);
    assert.deepEqual([page.MemoryCache.engine, route.MemoryCache.engine], ["js", "wasm"]);
  });

  test("what one invalidates, the other loads again", async () => {
    assert.deepEqual([await page.user(7), await page.user(7)], ["7 1", "7 1"]);
    assert.equal(await route.invalidate(7), true);
    assert.equal(await page.user(7), "7 2");
  });

  test("a write through one during a load in the other stays", async () => {
    const loading = page.slow(1);
    await route.set("slow:1", "written");
    page.open();
    assert.equal(await loading, "loaded");
    assert.equal(await page.slow(1), "written");
    assert.equal(await route.defaultCache().get("slow:1"), "written");
  });

  test("both have the same default cache", () => {
    assert.equal(page.defaultCache(), route.defaultCache());
  });

  test("incompatible versions refuse each other", async () => {
    // As if a later version had raised the format in `shared.ts`.
    let changes = 0;
    const later = (await readFile(join(project, "node_modules/isocache/dist/index.js"), "utf8")).replaceAll(
      "format 1",
      () => {
        changes++;
        return "format 2";
      },
    );
    assert.ok(changes > 0);
    await writeFile(join(project, "later.mjs"), later);
    const other = await import(pathToFileURL(join(project, "later.mjs")));
    const refused = { message: /^isocache: .*incompatible version of isocache.*npm ls isocache/ };

    assert.notEqual(other.defaultCache(), route.defaultCache());
    assert.throws(() => other.setDefaultCache(route.defaultCache()), refused);
    assert.throws(() => other.cached(async () => 1, { key: "a", cache: new route.Cache() }), refused);
    assert.throws(() => new other.Cache({ provider: new route.MemoryCache() }), refused);
    // A provider of the program, which neither version has made.
    const provider = new Map([["a", 1]]);
    Object.assign(provider, { exists: provider.has, clearPattern: () => 0, getStats: () => ({}) });
    new route.Cache({ provider });
    assert.throws(() => new other.Cache({ provider }), refused);
    assert.equal(await new route.Cache({ provider }).get("a"), 1);
  });
});
