/** What the build makes of each entry, read from the exports of package.json. */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { build } from "esbuild";

/**
 * `names` are those of the entries; `modules` are the ES modules, by name and source; `required` are the CommonJS files, with
 * what they export again where everything in them is in `index.cjs` as well.
 */
export async function entries(pkg, plugin) {
  const manifest = JSON.parse(readFileSync(join(pkg, "package.json"), "utf8"));
  const files = { js: new Set(), cjs: new Set() };
  const gather = (target) => {
    if (typeof target !== "string") {
      Object.values(target).forEach(gather);
      return;
    }
    const [, name, kind] = /^\.\/dist\/([\w.-]+)\.(c?js)$/.exec(target) ?? [];
    files[kind]?.add(name);
  };
  gather(manifest.exports);
  const source = (name) => `src/entries/${name}.ts`;
  const modules = [...files.js].map((name) => ({ name, source: source(name) }));
  const exported = new Map();
  for (const name of files.cjs) {
    exported.set(name, await exportsOf(pkg, source(name), plugin));
  }
  const required = [...files.cjs].map((name) => {
    const isPart = name !== "index" && exported.get(name).every((one) => exported.get("index").includes(one));
    return { name, source: source(name), reexports: isPart ? exported.get(name) : undefined };
  });
  return { names: [...files.cjs], modules, required };
}

/** The names of the values that a module exports. */
async function exportsOf(pkg, source, plugin) {
  const { metafile } = await build({
    ...{ absWorkingDir: pkg, entryPoints: [source], plugins: [plugin] },
    ...{ bundle: true, format: "esm", target: "es2022", write: false, metafile: true, outdir: "dist" },
  });
  return Object.values(metafile.outputs)[0].exports;
}
