/** The engine for JavaScript: from crates/wasm to WebAssembly, and to the same engine in JavaScript. */

import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { transformSync } from "esbuild";

/**
 * Builds the engine in `made`. Returns the WebAssembly as `hex`, its translation to JavaScript as `translated`, and `names`, the
 * short names of its exports by those in `pkg/src/wasm.ts`.
 */
export function buildEngine(root, made) {
  const run = (command, args) => execFileSync(command, args, { cwd: root, stdio: "inherit" });
  const binaryen = (tool, args) =>
    execFileSync(join(root, "node_modules", ".bin", tool), args, { cwd: made, encoding: "utf8" });
  run("cargo", [
    ...["build", "--quiet", "--package", "isocache-wasm"],
    ...["--profile", "npm", "--target", "wasm32-unknown-unknown"],
  ]);
  // This also strips what only wasm-bindgen needs. Its glue is not used: the functions take and return numbers alone.
  run("cargo", [
    ...["run", "--quiet", "--package", "xtask", "--", "bindings"],
    ...[join(root, "target/wasm32-unknown-unknown/npm/isocache_wasm.wasm"), made],
  ]);
  const bound = new WebAssembly.Module(readFileSync(join(made, "glue_bg.wasm")));
  const called = WebAssembly.Module.exports(bound)
    .map(({ name }) => name)
    .filter((name) => name.startsWith("engine_") || name === "memory");

  // What JavaScript does not call is not needed: above all the table of externrefs, which no JavaScript can stand for.
  const graph = [
    { name: "JavaScript", root: true, reaches: called },
    ...called.map((name) => ({ name, export: name })),
  ];
  writeFileSync(join(made, "graph.json"), JSON.stringify(graph));
  binaryen("wasm-metadce", ["glue_bg.wasm", "--graph-file", "graph.json", "--output", "used.wasm"]);

  // No feature flags: wasm-opt obeys the list that the module carries. `--all-features` would use some that no engine has.
  // wasm-opt prints the short names that it gave to the exports.
  const small = ["-Oz", "--flatten", "--rereloop", "-Oz"];
  const renamed = binaryen("wasm-opt", [
    ...small,
    "--minify-imports-and-exports",
    "used.wasm",
    "--output",
    "engine.wasm",
  ]);
  const { imports } = JSON.parse(renamed);
  if (imports.length > 0) {
    throw new Error(`the engine is to import nothing, but imports ${JSON.stringify(imports)}: does it panic?`);
  }

  // JavaScript has no instructions that extend signs, or convert numbers without a trap.
  binaryen("wasm-opt", [
    ...["-Oz", "--signext-lowering", "--llvm-nontrapping-fptoint-lowering"],
    ...["engine.wasm", "--output", "lowered.wasm"],
  ]);
  binaryen("wasm2js", ["-O4", "lowered.wasm", "--output", "engine.js"]);
  return {
    hex: readFileSync(join(made, "engine.wasm"), "hex"),
    translated: asFunction(readFileSync(join(made, "engine.js"), "utf8")),
    names: Object.fromEntries(
      JSON.parse(renamed).exports.map(([name, short]) => [name === "memory" ? "engine_memory" : name, short]),
    ),
  };
}

/** Replaces a part of a generated text. It must be there, or the build fails. */
export function changer(text, what) {
  return {
    text,
    change(why, from, to) {
      if (!from.test(this.text)) {
        throw new Error(`${what} has another form; look at the change for: ${why}`);
      }
      this.text = this.text.replace(from, to);
    },
  };
}

/** What wasm2js writes, as a module that does nothing before its function is called: `() => exports`. */
function asFunction(source) {
  const made = changer(source, "the output of this wasm2js");
  made.change("exports are returned", /\nvar retasmFunc = [\s\S]*$/, "\nreturn asmFunc({});\n");
  // The engine answers a write that found no memory with an error. WebAssembly says so with -1, wasm2js not at all.
  made.change(
    "memory that cannot grow",
    /var newBuffer = new ArrayBuffer\(newPages << 16\);/,
    "var newBuffer; try { newBuffer = new ArrayBuffer(newPages * 65536); } catch (e) { return -1; }",
  );
  made.change(
    "memory over the limit",
    /(bufferView = HEAPU8;\n\s*\})(\s*return oldPages;)/,
    "$1 else if (pagesToAdd !== 0) { return -1; }$2",
  );
  // It decodes the few bytes that the memory begins with by a function that is longer than they are.
  made.change(
    "the decoder of the memory's first bytes",
    /var base64ReverseLookup[\s\S]*?\n(?=function initActiveSegments)/,
    "",
  );
  made.change("the memory's first bytes", /base64Decode\w+\(bufferView, [\s\S]*?(?=\n\})/, (calls) =>
    calls.replaceAll(
      /base64Decode\w+\(bufferView, (\d+), "([^"]*)"\)/g,
      (_, at, bytes) => `bufferView.set([${[...Buffer.from(bytes, "base64")]}], ${at})`,
    ),
  );
  // It declares every view and function that a module may need, and makes all views again when the memory grows.
  for (const name of new Set(made.text.match(/\b(HEAP|Math_)\w+(?= = )/g))) {
    const without = made.text.replaceAll(new RegExp(`^ *(var )?${name} = .*\\n`, "gm"), "");
    if (!new RegExp(`\\b${name}\\b`).test(without)) {
      made.text = without;
    }
  }
  // Its names say nothing, so that nobody misses them in what errors and debuggers show.
  const { code } = transformSync(`export default function () {\n${made.text}}\n`, { minify: true });
  return code;
}
