// The vectors that Rust has too: src/load/freshness.rs.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const source = fileURLToPath(new URL("../../../pkg/src/load/freshness.ts", import.meta.url));
const { outputFiles } = await build({ entryPoints: [source], write: false, format: "esm" });
const { jittered, judge } = await import(`data:text/javascript,${encodeURIComponent(outputFiles[0].text)}`);
const vectors = JSON.parse(await readFile(new URL("../../vectors/freshness.json", import.meta.url), "utf8"));

test("the action for an entry, by its freshness", () => {
  assert.ok(vectors.judge.length > 10);
  for (const vector of vectors.judge) {
    const windows = { whileRevalidate: vector.while_revalidate, ifError: vector.if_error, early: vector.early };
    assert.equal(judge(windows, vector.fresh_for, vector.random), vector.verdict, JSON.stringify(vector));
  }
});

test("how jitter shortens a ttl", () => {
  assert.ok(vectors.jitter.length > 3);
  for (const { ttl, jitter, random, jittered: expected } of vectors.jitter) {
    assert.equal(jittered(ttl, jitter, random), expected, `${ttl} ms, ${jitter}, ${random}`);
  }
});
