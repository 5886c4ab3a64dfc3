// What each entry costs over the wire: bundled, minified, compressed, everything counted.

import assert from "node:assert/strict";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { brotliCompressSync, constants } from "node:zlib";
import { build } from "esbuild";
import { SIZE_LIMITS } from "../../pkg/bench/limits.mjs";

const root = fileURLToPath(new URL("../..", import.meta.url));
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
  });
  return outputFiles[0].contents;
}

const list = (names) => (names === undefined ? undefined : `{ ${names.join(", ")} }`);

/** A bundle that lost its engine would be small, too: the WebAssembly is a long text of hexadecimal digits. */
const engineOf = (bundle) => {
  const text = Buffer.from(bundle).toString();
  const isTranslated = text.includes("Math.clz32") && text.includes("new Float64Array");
  return isTranslated ? "js" : /"0061736d01[0-9a-f]{10000}/.test(text) ? "wasm" : undefined;
};

for (const { entry, limit, names, engine, has } of SIZE_LIMITS) {
  for (const conditions of [["module"], ["workerd", "worker", "browser"]]) {
    const bundle = await bundled(entry, conditions, list(names));
    const size = brotli(bundle);
    const what = `${list(names) ?? "all"} of ${entry}, as ${conditions[0]}`;
    test(`${what}, has ${size} bytes (${bundle.length} before compression), of at most ${limit}`, () => {
      assert.equal(engineOf(bundle), engine);
      assert.ok(has === undefined || Buffer.from(bundle).includes(has));
      assert.ok(size <= limit, `${size - limit} bytes too many`);
    });
  }
}
