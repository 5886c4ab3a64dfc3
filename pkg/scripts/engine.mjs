/** The engine for JavaScript: from crates/wasm to WebAssembly, to the same engine in JavaScript, and to the glue of both. */

import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { transformSync } from "esbuild";

/**
 * Builds the engine in `made`. Returns the WebAssembly as `hex`, its translation to JavaScript as `translated`, and `glue`, the
 * source of the module that calls either.
 */
export function buildEngine(root, made) {
  const run = (command, args) => execFileSync(command, args, { cwd: root, stdio: "inherit" });
  const binaryen = (tool, args) =>
    execFileSync(join(root, "node_modules", ".bin", tool), args, { cwd: made, encoding: "utf8" });
  run("cargo", [
    ...["build", "--quiet", "--package", "isocache-wasm"],
    ...["--profile", "wasm", "--target", "wasm32-unknown-unknown"],
  ]);
  run("cargo", [
    ...["run", "--quiet", "--package", "xtask", "--", "bindings"],
    ...[join(root, "target/wasm32-unknown-unknown/wasm/isocache_wasm.wasm"), made],
  ]);
  const glue = readFileSync(join(made, "glue.js"), "utf8");

  // What the glue does not call is not needed: above all the table of externrefs, which no JavaScript can stand for.
  const called = new Set(Array.from(patched(glue).matchAll(/\bwasm\.(\w+)/g), ([, name]) => name));
  const graph = [
    { name: "glue", root: true, reaches: [...called] },
    ...Array.from(called, (name) => ({ name, export: name })),
  ];
  writeFileSync(join(made, "graph.json"), JSON.stringify(graph));
  binaryen("wasm-metadce", ["glue_bg.wasm", "--graph-file", "graph.json", "--output", "used.wasm"]);

  // No feature flags: wasm-opt obeys the list that the module carries. `--all-features` would use some that no engine has.
  // Short names for the exports are worth 2 % of the package; wasm-opt prints which it gave.
  const renamed = binaryen("wasm-opt", ["-Oz", "--minify-imports-and-exports", "used.wasm", "--output", "engine.wasm"]);

  // JavaScript has no instructions that fill memory, extend signs, or convert numbers without a trap.
  binaryen("wasm-opt", [
    ...["-O3", "--llvm-memory-copy-fill-lowering", "--signext-lowering", "--llvm-nontrapping-fptoint-lowering"],
    ...["engine.wasm", "--output", "lowered.wasm"],
  ]);
  binaryen("wasm2js", ["-O3", "lowered.wasm", "--output", "engine.js"]);
  return {
    hex: readFileSync(join(made, "engine.wasm"), "hex"),
    translated: asFunction(readFileSync(join(made, "engine.js"), "utf8")),
    glue: shortened(patched(glue), JSON.parse(renamed)),
  };
}

/** Replaces a part of a generated text. It must be there, or the build fails. */
function changer(text, what) {
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

/** What wasm2js writes, as a module that does nothing before its function is called: `(imports) => exports`. */
function asFunction(source) {
  const made = changer(source, "the output of this wasm2js");
  made.change("imports are given", /^import \* as [^\n]*\n/, "");
  made.change("exports are returned", /\nvar retasmFunc = [\s\S]*$/, "\nreturn asmFunc(imports);\n");
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
  // Its names say nothing, so that nobody misses them in what errors and debuggers show.
  const { code } = transformSync(`export default function (imports) {\n${made.text}}\n`, { minify: true });
  return code;
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

/** wasm-bindgen's glue, made to run everywhere and over both forms of the engine. */
function patched(source) {
  const glue = changer(source, "the glue of this wasm-bindgen");
  glue.change(
    "no table of externrefs, which nothing uses",
    /\n *__wbindgen_init_externref_table: function\(\) \{[\s\S]*?\n {8}\},(?=\n {4}\};)/,
    "",
  );
  glue.change(
    "environments without TextDecoder, as Jest's jsdom: the texts of errors thrown by wasm are lost there",
    /let cachedTextDecoder = [\s\S]*?\nfunction decodeText\(bytes\) \{[\s\S]*?\n\}\n/,
    'const decodeText = (bytes) => (typeof TextDecoder === "undefined" ? "" : new TextDecoder().decode(bytes));\n',
  );
  glue.change(
    "environments without TextEncoder, and no call while the module loads",
    /const cachedTextEncoder = new TextEncoder\(\);\n\nif \(!\('encodeInto' in cachedTextEncoder\)\) \{[\s\S]*?\n\}\n/,
    `function encodeInto(text, view) {
  if (typeof TextEncoder !== "undefined") {
    return new TextEncoder().encodeInto(text, view);
  }
  const bytes = unescape(encodeURIComponent(text));
  for (let at = 0; at < bytes.length; at++) view[at] = bytes.charCodeAt(at);
  return { written: bytes.length };
}
`,
  );
  glue.change("the same", /cachedTextEncoder\.encodeInto\(/, "encodeInto(");
  glue.change(
    "memory that grows without detaching its views, in JavaScript",
    /cachedUint8ArrayMemory0\.byteLength === 0/,
    "cachedUint8ArrayMemory0.buffer !== wasm.memory.buffer",
  );
  glue.change("a way without realloc that is never taken", / {4}if \(realloc === undefined\) \{[\s\S]*?\n {4}\}\n/, "");
  glue.change(
    "a registry that bundlers drop with the class",
    /: new FinalizationRegistry\(/,
    ": /* @__PURE__ */ new FinalizationRegistry(",
  );
  glue.change("methods for `using` that are never called", /if \(Symbol\.dispose\) [^\n]*\n/, "");
  glue.change(
    "one way to start, for WebAssembly and JavaScript",
    /let wasmModule, wasmInstance, wasm;[\s\S]*$/,
    `let wasm;
export function start(instantiate) {
  wasm = instantiate(__wbg_get_imports());
  return wasm.memory;
}
`,
  );
  return glue.text;
}
