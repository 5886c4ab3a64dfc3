// Builds dist/ from crates/wasm and src/. Needs cargo with the wasm32 target.

import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { entries } from "./entries.mjs";
import { publishTypes } from "./types.mjs";

const pkg = join(dirname(fileURLToPath(import.meta.url)), "..");
const root = join(pkg, "..");
const dist = join(pkg, "dist");
const made = join(root, "target", "npm");
const bin = (name) => join(root, "node_modules", ".bin", name);
const run = (command, args, cwd = root) => execFileSync(command, args, { cwd, stdio: "inherit" });

rmSync(dist, { recursive: true, force: true });
mkdirSync(dist, { recursive: true });

run("cargo", [
  "build",
  "--quiet",
  "--package",
  "isocache-wasm",
  "--profile",
  "wasm",
  "--target",
  "wasm32-unknown-unknown",
]);
run("cargo", [
  ...["run", "--quiet", "--package", "xtask", "--", "bindings"],
  ...[join(root, "target/wasm32-unknown-unknown/wasm/isocache_wasm.wasm"), made],
]);
const wasm = join(dist, "isocache_bg.wasm");
// No feature flags: wasm-opt obeys the list that the module carries. `--all-features` would use some that no engine has.
// Short names for the exports are worth 2 % of the package; wasm-opt prints which it gave.
const renamed = execFileSync(
  bin("wasm-opt"),
  ["-Oz", "--minify-imports-and-exports", join(made, "glue_bg.wasm"), "-o", wasm],
  { cwd: root, encoding: "utf8" },
);
const glue = shortened(patched(readFileSync(join(made, "glue.js"), "utf8")), JSON.parse(renamed));

const generated = {
  name: "generated",
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /\/(glue|wasm-hex)\.js$/ }, ({ path }) => ({ path, namespace: "generated" }));
    onResolve({ filter: /\/isocache_bg\.wasm$/ }, () => ({ path: "./isocache_bg.wasm", external: true }));
    onLoad({ filter: /./, namespace: "generated" }, ({ path }) => ({
      contents: path.endsWith("glue.js") ? glue : `export default "${readFileSync(wasm, "hex")}";`,
    }));
  },
};
const { names, modules, required } = await entries(pkg, generated);
const shared = { absWorkingDir: pkg, bundle: true, target: "es2022", legalComments: "none", plugins: [generated] };
await build({
  ...shared,
  entryPoints: modules.map(({ source }) => source),
  outdir: "dist",
  format: "esm",
  splitting: true,
  chunkNames: "shared-[hash]",
});
for (const { name, source, reexports } of required) {
  if (reexports === undefined) {
    const cjs = { format: "cjs", platform: "neutral", mainFields: ["module", "main"] };
    await build({ ...shared, entryPoints: [source], outfile: `dist/${name}.cjs`, ...cjs });
  } else {
    // The same classes and the same wasm, whichever entry a program requires.
    const exported = reexports.map((name) => `exports.${name} = isocache.${name};\n`).join("");
    writeFileSync(join(dist, `${name}.cjs`), `"use strict";\nconst isocache = require("./index.cjs");\n${exported}`);
  }
}

run(bin("tsc"), ["-p", "tsconfig.json"], pkg);
publishTypes(dist, names);
for (const text of ["README.md", "LICENSE-MIT", "LICENSE-APACHE"]) {
  cpSync(join(root, text), join(pkg, text));
}

/** wasm-bindgen's glue with the names that wasm-opt gave to the exports. */
function shortened(source, { imports, exports }) {
  if (imports.length > 0) {
    throw new Error(`wasm-opt has renamed imports, which the glue provides by name: ${JSON.stringify(imports)}`);
  }
  const names = new Map(exports);
  return source.replaceAll(/\bwasm\.(\w+)/g, (_, name) => {
    if (!names.has(name)) {
      throw new Error(`the glue calls ${name}, which the wasm does not export`);
    }
    return `wasm.${names.get(name)}`;
  });
}

/** wasm-bindgen's glue, made to run everywhere. Each change must find its place, or the build fails. */
function patched(source) {
  let text = source;
  const change = (what, from, to) => {
    if (!from.test(text)) {
      throw new Error(`the glue of this wasm-bindgen has another form; look at the patch for: ${what}`);
    }
    text = text.replace(from, to);
  };
  change(
    "modules of another realm, as in Next's edge sandbox",
    /if \(!\(module instanceof WebAssembly\.Module\)\)/,
    'if (Object.prototype.toString.call(module) !== "[object WebAssembly.Module]")',
  );
  change(
    "environments without TextDecoder, as Jest's jsdom: the texts of errors thrown by wasm are lost there",
    /let cachedTextDecoder = [\s\S]*?\nfunction decodeText\(bytes\) \{[\s\S]*?\n\}\n/,
    'const decodeText = (bytes) => (typeof TextDecoder === "undefined" ? "" : new TextDecoder().decode(bytes));\n',
  );
  change(
    "environments without TextEncoder",
    /const cachedTextEncoder = new TextEncoder\(\);\n\nif \(!\('encodeInto' in cachedTextEncoder\)\) \{[\s\S]*?\n\}\n/,
    `const cachedTextEncoder = typeof TextEncoder === "undefined" ? {
  encodeInto(text, view) {
    const bytes = unescape(encodeURIComponent(text));
    for (let at = 0; at < bytes.length; at++) view[at] = bytes.charCodeAt(at);
    return { written: bytes.length };
  },
} : new TextEncoder();
`,
  );
  change("a way without realloc that is never taken", / {4}if \(realloc === undefined\) \{[\s\S]*?\n {4}\}\n/, "");
  change(
    "forms of the argument of `initSync` that are never given",
    / {4}if \(module !== undefined\) \{[\s\S]*?\n {4}\}\n\n/,
    "    ({ module } = module);\n",
  );
  change("no loader but `initSync`", /async function __wbg_load[\s\S]*?\n\}\n\nfunction initSync/, "function initSync");
  change("no default export", /let __wbg_init_promise;[\s\S]*$/, "export { initSync };\n");
  change(
    "memory by its name, whatever the export is called",
    /return __wbg_finalize_init\(instance, module\);\n\}/,
    "return __wbg_finalize_init(instance, module), { memory: wasm.memory };\n}",
  );
  change(
    "memory by its name, on a second start",
    /if \(wasm !== undefined\) return wasm;/,
    "if (wasm !== undefined) return { memory: wasm.memory };",
  );
  change("methods for `using` that are never called", /if \(Symbol\.dispose\) [^\n]*\n/, "");
  return text;
}
