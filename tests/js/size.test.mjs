// What each entry costs over the wire: bundled, minified, compressed, everything counted.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { brotliCompressSync, constants } from "node:zlib";
import { build } from "esbuild";

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

for (const [entry, limit, names] of [
  ["isocache/memory", 10_240],
  ["isocache", 30_000],
  // What a program bundles that uses the caches and nothing else.
  ["isocache", 24_000, "{ Cache, CacheError, HttpCache, MemoryCache }"],
]) {
  const inline = await bundled(entry, [], names);
  const size = brotli(inline);
  test(`${names ?? "all"} of ${entry} has ${size} bytes (${inline.length} before compression), of at most ${limit}`, () => {
    // A bundle that lost the wasm would be small, too.
    assert.ok(inline.length > wasm.length, "the wasm is in it");
    assert.ok(size <= limit, `${size - limit} bytes too many`);
  });

  const script = await bundled(entry, ["workerd", "worker", "browser"], names);
  const both = brotli(script) + brotli(wasm);
  test(`${names ?? "all"} of ${entry} in workerd has ${both} bytes with its wasm, of at most ${limit}`, () => {
    assert.ok(Buffer.from(script).includes("isocache_bg.wasm"), "the wasm is beside it");
    assert.ok(both <= limit, `${both - limit} bytes too many`);
  });
}

for (const [entry, limit, has] of [
  ["isocache/http", 10_240, "breaker is open"],
  ["isocache/msgpack", 10_240, "MessagePack"],
]) {
  const bundle = await bundled(entry, []);
  const size = brotli(bundle);
  test(`${entry} has ${size} bytes (${bundle.length} before compression), of at most ${limit}, and no wasm`, () => {
    assert.ok(Buffer.from(bundle).includes(has));
    assert.ok(!Buffer.from(bundle).includes("WebAssembly"));
    assert.ok(size <= limit, `${size - limit} bytes too many`);
  });
}
