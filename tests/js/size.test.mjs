// What each entry costs over the wire: bundled, minified, compressed, everything counted.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { brotliCompressSync, constants } from "node:zlib";
import { build } from "esbuild";
import { SIZE_LIMITS } from "../../pkg/bench/limits.mjs";

const root = fileURLToPath(new URL("../..", import.meta.url));
const wasm = readFileSync(new URL("../../pkg/dist/isocache_bg.wasm", import.meta.url));
const brotli = (bytes) =>
  brotliCompressSync(bytes, {
    params: { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length },
  }).length;

/** The bundle of a module that gives on what it imports: all, if it is not named. */
async function bundled(entry, conditions, names = "*") {
  const { outputFiles } = await build({
    stdin: { contents: `export ${names} from "${entry}";`, resolveDir: root },
    bundle: true,
    minify: true,
    write: false,
    format: "esm",
    platform: "neutral",
    legalComments: "none",
    conditions,
    external: ["*.wasm"],
  });
  return outputFiles[0].contents;
}

const list = (names) => (names === undefined ? undefined : `{ ${names.join(", ")} }`);

for (const { entry, limit, names, wasm: hasWasm = true, has } of SIZE_LIMITS) {
  const inline = await bundled(entry, [], list(names));
  const size = brotli(inline);
  const what = `${list(names) ?? "all"} of ${entry}`;
  test(`${what} has ${size} bytes (${inline.length} before compression), of at most ${limit}`, () => {
    // A bundle that lost the wasm would be small, too.
    assert.equal(
      inline.length > wasm.length && Buffer.from(inline).includes("WebAssembly"),
      hasWasm,
      "the wasm is in it",
    );
    assert.ok(has === undefined || Buffer.from(inline).includes(has));
    assert.ok(size <= limit, `${size - limit} bytes too many`);
  });

  if (hasWasm) {
    const script = await bundled(entry, ["workerd", "worker", "browser"], list(names));
    const both = brotli(script) + brotli(wasm);
    test(`${what} in workerd has ${both} bytes with its wasm, of at most ${limit}`, () => {
      assert.ok(Buffer.from(script).includes("isocache_bg.wasm"), "the wasm is beside it");
      assert.ok(both <= limit, `${both - limit} bytes too many`);
    });
  }
}
