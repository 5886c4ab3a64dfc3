// Cached functions in programs that bundlers minify, and in programs with two copies of the package.

import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { pathToFileURL } from "node:url";
import * as esbuild from "esbuild";
import { rollup } from "rollup";
import { minify } from "terser";
import * as vite from "vite";
import webpack from "webpack";
import { packed, run } from "./support.mjs";

/** Two modules whose functions have one name, and which minifiers give the same short ones. */
const moduleOf = (kind) => `
import { cached } from "isocache";
async function find(id) { return "${kind} " + id; }
export const byIdentity = cached(find);
export const byArrow = cached(async (id) => "${kind} arrow " + id);
export const byKey = cached(find, { key: "${kind}:{0}" });
`;
const MAIN = `
import * as user from "./user.js";
import * as card from "./card.js";
const calls = [];
for (const round of [1, 2]) {
  for (const functions of [user, card]) {
    for (const name of ["byIdentity", "byArrow", "byKey"]) {
      calls.push(functions[name](7));
    }
  }
}
export const result = Promise.all(calls);
`;
const ONCE = ["user 7", "user arrow 7", "user 7", "card 7", "card arrow 7", "card 7"];

describe("cached functions", () => {
  let pack;
  let project;
  before(async () => {
    pack = await packed();
    project = await pack.project("functions", {
      "user.js": moduleOf("user"),
      "card.js": moduleOf("card"),
      "main.js": MAIN,
    });
  });
  after(() => pack?.remove());

  const resultOf = async (name, text) => {
    const file = join(project, name);
    if (text !== undefined) {
      await writeFile(file, text);
    }
    return (await import(pathToFileURL(file))).result;
  };
  const bundled = async (options = {}) => {
    const { outputFiles } = await esbuild.build({
      ...{ absWorkingDir: project, entryPoints: ["main.js"], bundle: true, format: "esm", write: false },
      ...options,
    });
    return outputFiles[0].text;
  };
  /** Follows imports as Node does, which is all that Rollup needs here. */
  const resolve = {
    name: "resolve",
    resolveId: (id) => (id === "isocache" ? join(project, "node_modules/isocache/dist/index.js") : undefined),
  };

  describe("minified", () => {
    test("by esbuild", async () => {
      assert.deepEqual(await resultOf("esbuild.mjs", await bundled({ minify: true })), [...ONCE, ...ONCE]);
    });

    test("by terser, names of functions and classes, too", async () => {
      const { code } = await minify(await bundled(), {
        module: true,
        toplevel: true,
        keep_fnames: false,
        keep_classnames: false,
        compress: { passes: 2, unsafe_arrows: true, hoist_funs: true },
        mangle: { toplevel: true },
      });
      assert.deepEqual(await resultOf("terser.mjs", code), [...ONCE, ...ONCE]);
    });

    test("by Rollup and terser", async () => {
      const bundle = await rollup({ input: join(project, "main.js"), plugins: [resolve], onwarn: assert.fail });
      const { output } = await bundle.generate({ format: "es" });
      const { code } = await minify(output[0].code, { module: true, toplevel: true });
      assert.deepEqual(await resultOf("rollup.mjs", code), [...ONCE, ...ONCE]);
    });

    test("by webpack", async () => {
      const compiler = webpack({
        ...{ mode: "production", context: project, entry: "./main.js", target: "node20" },
        experiments: { outputModule: true },
        output: { path: project, filename: "webpack.mjs", library: { type: "module" } },
      });
      const stats = await new Promise((done, fail) =>
        compiler.run((error, stats) => (error ? fail(error) : done(stats))),
      );
      await new Promise((done) => compiler.close(done));
      assert.deepEqual(stats.toJson({ all: false, errors: true, warnings: true }).errors, []);
      assert.deepEqual(await resultOf("webpack.mjs"), [...ONCE, ...ONCE]);
    });

    test("by Vite", async () => {
      await vite.build({
        ...{ root: project, logLevel: "error", configFile: false },
        build: { lib: { entry: "main.js", formats: ["es"], fileName: "vite" }, outDir: "vite", minify: true },
      });
      const code = await readFile(join(project, "vite/vite.js"), "utf8");
      assert.deepEqual(await resultOf("vite.mjs", code), [...ONCE, ...ONCE]);
    });
  });

  describe("two copies of the package", () => {
    const PROGRAM = `
      const results = {};
      const provider = new other.MemoryCache();
      const cache = new other.Cache({ provider });
      let calls = 0;
      const count = isocache.cached(async (id) => id + 0 * ++calls, { key: "count:{0}", cache });
      results.cached = [await count(7), await count(7), calls, await cache.get("count:7")];
      // Loads of one copy and writes of the other know of each other.
      let open;
      const loading = new isocache.Cache({ provider }).getOrSet("k", () => new Promise((resolve) => { open = resolve; }));
      await cache.set("k", "written");
      open("loaded");
      results.write = [await loading, await cache.get("k")];
      // A loader of one copy asks for its own key through the other.
      results.own = await cache.getOrSet("own", async () => {
        await undefined;
        return "outer " + (await new isocache.Cache({ provider }).getOrSet("own", async () => "inner"));
      });
      const tagged = new isocache.Cache({ provider: new other.Tagged(provider) });
      await tagged.getOrSet("t", () => isocache.loaded("value", { ttl: "1m" }), { tags: ["a"] });
      await tagged.getOrSet("u", () => other.loaded("other", { noStore: true }), { tags: ["a"] });
      results.loaded = [await tagged.get("t"), await tagged.has("u")];
      await tagged.invalidateTags(["a"]);
      results.tags = await tagged.has("t");
      isocache.setDefaultCache(cache);
      results.shared = other.defaultCache() === cache;
      const counted = new isocache.Tagged(new isocache.MemoryCache(), { counters: new other.MemoryCache() });
      await counted.set("a", 1, { tags: ["t"] });
      results.counters = await counted.get("a");
      results.classes = isocache.Cache !== other.Cache;
      export const result = results;
    `;
    const EXPECTED = {
      cached: [7, 7, 1, 7],
      write: ["loaded", "written"],
      own: "outer inner",
      loaded: ["value", false],
      tags: false,
      shared: true,
      counters: 1,
      classes: true,
    };

    test("ESM and CommonJS in Node", async () => {
      const text = `import * as isocache from "./node_modules/isocache/dist/index.js";
        import { createRequire } from "node:module";
        const other = createRequire(import.meta.url)("./node_modules/isocache/dist/index.cjs");
        ${PROGRAM}`;
      assert.deepEqual(await resultOf("copies.mjs", text), EXPECTED);
    });

    test("ESM and CommonJS in one bundle of esbuild", async () => {
      const source = `import * as isocache from "./node_modules/isocache/dist/index.js";
        import other from "./node_modules/isocache/dist/index.cjs"; ${PROGRAM}`;
      await writeFile(join(project, "both.js"), source);
      const text = await bundled({ entryPoints: ["both.js"], minify: true });
      assert.deepEqual(await resultOf("both.mjs", text), EXPECTED);
    });

    test("a module that is loaded again, as after a hot reload", async () => {
      const other = join(project, "node_modules/isocache/dist/index.cjs");
      const text = `import { createRequire } from "node:module";
        const require = createRequire(import.meta.url);
        const isocache = require(${JSON.stringify(other)});
        delete require.cache[require.resolve(${JSON.stringify(other)})];
        const other = require(${JSON.stringify(other)}); ${PROGRAM}`;
      await writeFile(join(project, "again.mjs"), text);
      const print = 'import("./again.mjs").then(({ result }) => console.log(JSON.stringify(result)))';
      assert.deepEqual(JSON.parse(await run(process.execPath, ["-e", print], project)), EXPECTED);
    });
  });
});
