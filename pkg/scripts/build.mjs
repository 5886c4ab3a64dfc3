// Builds dist/ from crates/wasm and src/. Needs cargo with the wasm32 target.

import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { minify } from "terser";
import { buildEngine } from "./engine.mjs";
import { commonJs, ENTRIES, folder, hint, inForm, reexported } from "./entries.mjs";
import { checkDeclarations, INTERNAL } from "./internal-names.mjs";
import { UTF8, whenNeeded } from "./msgpack.mjs";
import { publishTypes } from "./types.mjs";

const pkg = join(dirname(fileURLToPath(import.meta.url)), "..");
const root = join(pkg, "..");
const dist = join(pkg, "dist");
const manifest = JSON.parse(readFileSync(join(pkg, "package.json"), "utf8"));

rmSync(dist, { recursive: true, force: true });
mkdirSync(dist, { recursive: true });
const engine = buildEngine(root, join(root, "target", "npm"));

/** Puts what was generated in place of the modules of these names. Built files are not bundled again. */
const plugin = {
  name: "engine",
  setup({ onResolve, onLoad }) {
    const generated = {
      "translated.js": engine.translated,
      "hex.js": `export default "${engine.hex}";`,
    };
    onResolve({ filter: /\/(translated|hex)\.js$/ }, ({ path }) => ({
      path: path.slice(path.lastIndexOf("/") + 1),
      namespace: "engine",
      sideEffects: false,
    }));
    onResolve({ filter: /^\.\/index\.js$/ }, ({ path, resolveDir }) =>
      resolveDir === pkg ? { path, external: true, sideEffects: false } : undefined,
    );
    onLoad({ filter: /./, namespace: "engine" }, ({ path }) => ({ contents: generated[path] }));
    onLoad({ filter: UTF8 }, ({ path }) => ({ contents: whenNeeded(readFileSync(path, "utf8")) }));
  },
};

const esbuild = (options) =>
  build({
    ...{ absWorkingDir: pkg, bundle: true, metafile: true, write: false, legalComments: "none", plugins: [plugin] },
    ...{ format: "esm", target: "es2022", minifySyntax: true, mainFields: ["module", "main"] },
    ...{ mangleProps: new RegExp(`${INTERNAL.source}|^engine_`), mangleCache: engine.names },
    ...options,
  });

const module = (contents) => ({ stdin: { contents, resolveDir: pkg } });

/** The names that a module exports, and those among them that need an engine. */
async function exportsOf(path) {
  const { metafile } = await esbuild({ entryPoints: [path] });
  const names = Object.values(metafile.outputs)[0].exports;
  const needs = async (name) => {
    const alone = await esbuild(module(`export { ${name} } from "./${path}";`));
    return Object.values(alone.metafile.outputs)[0].inputs["src/wasm.ts"]?.bytesInOutput > 0;
  };
  const needed = await Promise.all(names.map(needs));
  return { names, needing: names.filter((_, at) => needed[at]) };
}

/** Bundles one module into one file. Returns the names that it exports. */
async function bundle(source, file, options = {}) {
  const { metafile, outputFiles } = await esbuild({ ...source, outfile: file, ...options });
  const { text, classes } = named(
    effectless(outputFiles[0].text).replace("var isocache = (() => {", "var isocache = (function () {"),
  );
  // Small, but with the marks of calls that have no side effect, which esbuild would drop: bundlers leave out what a program
  // does not use.
  const { code } = await minify(text, {
    ...{
      compress: options.format === undefined && COMPRESS,
      mangle: { reserved: classes },
      module: options.format === undefined,
    },
    ...{ format: { preserve_annotations: true, max_line_len: 200, wrap_iife: true } },
  });
  write(file, `${options.format === "iife" ? parsedAtOnce(code) : code}\n`);
  return Object.values(metafile.outputs)[0].exports;
}

/**
 * Constants as literals, which bundlers leave out where a program does not use them: they may take a power or a property for
 * something that has an effect.
 */
function effectless(text) {
  return text
    .replaceAll(/\b2 \*\* (\d+)\b/g, (_, power) => 2 ** power)
    .replaceAll(/\bNumber\.MAX_SAFE_INTEGER\b/g, Number.MAX_SAFE_INTEGER);
}

/**
 * Classes keep their names, for those who debug. esbuild writes `var Cache = class _Cache` where a class mentions itself, and
 * elsewhere `var Cache = class`, which is named after the variable.
 */
function named(text) {
  const classes = Array.from(text.matchAll(/\b([A-Z]\w*) = class\b/g), ([, name]) => name);
  return { text: text.replace(/\b_([A-Z]\w*)\b/g, (own, name) => (classes.includes(name) ? name : own)), classes };
}

/**
 * V8 reads a function in parentheses once, as it loads the file; any other is read again when it is called, with all that is
 * in it. That would be half of the time of an import.
 */
function parsedAtOnce(code) {
  const [, inner] = /^"use strict";module\.exports=(function\(\w+\)\{var \w+=\(function.*);$/s.exec(code);
  return `"use strict";module.exports=(${inner});`;
}

/**
 * For ES modules, which are bundled again: nothing that moves code from one class or function into another, since bundlers
 * could no longer leave one of them out.
 */
const COMPRESS = { passes: 2, inline: false, reduce_funcs: false, keep_classnames: true, hoist_props: false };

const write = (file, text) => writeFileSync(join(dist, file), text);
const requirable = { format: "cjs", platform: "neutral" };

for (const [name, { source, form, own }] of Object.entries(ENTRIES)) {
  const path = `src/entries/${source}.ts`;
  const { names, needing } = await exportsOf(path);
  const target = manifest.exports[name === "index" ? "." : `./${name}`].default.default.slice("./dist/".length);
  const alone = target.replace(".module.js", ".js");
  if (name === "wasm") {
    // The code of all entries once more would be most of it.
    await bundle(module(inForm(form, "./index.js", names, needing)), alone);
  } else {
    // Without a bundler, each entry is one file.
    const whole = form === undefined ? { entryPoints: [path] } : module(inForm(form, `./${path}`, names, needing));
    await bundle(whole, alone);
  }
  if (target !== alone) {
    // With a bundler, which leaves out what is not used, the entries have the same classes.
    write(target, reexported(names, "index.js"));
  }
  if (own) {
    await bundle({ entryPoints: [path] }, `${name}.cjs`, { ...requirable, footer: { js: hint(names) } });
  } else {
    write(`${name}.cjs`, commonJs(name, names));
  }
  write(`${name}.node.js`, reexported(names, `${name}.cjs`));
  if (name !== "index") {
    mkdirSync(join(pkg, name), { recursive: true });
    writeFileSync(join(pkg, name, "package.json"), folder(name, target));
  }
}
// The code of all entries, as a function of the forms of the engine, which are loaded when the first cache is made.
await bundle(
  module(`import { forms } from "./src/forms/forms.ts";
    forms.push(...FORMS);
    export * from "./src/entries/index.ts";`),
  "core.cjs",
  {
    ...{ format: "iife", globalName: "isocache", platform: "neutral" },
    ...{ banner: { js: '"use strict";module.exports=function(FORMS){' }, footer: { js: "return isocache};" } },
  },
);
for (const [form, source] of [
  ["js", "translated.js"],
  ["wasm", "inline.js"],
]) {
  const exported = form === "js" ? "default" : "instantiate";
  await bundle(
    module(`module.exports = require("./src/forms/${source}").${exported};`),
    `engine-${form}.cjs`,
    requirable,
  );
}

execFileSync(join(root, "node_modules/.bin/tsc"), ["-p", "tsconfig.json"], { cwd: pkg, stdio: "inherit" });
publishTypes(dist, ENTRIES);
checkDeclarations(dist);
for (const text of ["README.md", "LICENSE-MIT", "LICENSE-APACHE"]) {
  cpSync(join(root, text), join(pkg, text));
}
