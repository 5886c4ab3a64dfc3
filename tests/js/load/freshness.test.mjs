// The vectors that Rust has too: src/load/windows.rs.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const source = fileURLToPath(new URL("../../../pkg/src/load/freshness.ts", import.meta.url));
const { outputFiles } = await build({ entryPoints: [source], write: false, format: "esm" });
const { jittered, judge, staleFor } = await import(`data:text/javascript,${encodeURIComponent(outputFiles[0].text)}`);
const vectors = JSON.parse(await readFile(new URL("../../vectors/load.json", import.meta.url), "utf8"));
const windows = (of) => ({ whileRevalidate: of.while_revalidate, ifError: of.if_error, early: of.early });

test("what an age means", () => {
  assert.ok(vectors.judge.length > 10);
  for (const vector of vectors.judge) {
    // The vectors tell what is left of the time that the entry is kept.
    const freshFor = vector.left - staleFor(windows(vector));
    assert.equal(judge(windows(vector), freshFor, vector.random), vector.verdict, JSON.stringify(vector));
  }
});

test("how long an entry is stored", () => {
  assert.ok(vectors.life.length > 5);
  for (const vector of vectors.life) {
    const kept = jittered(vector.ttl, vector.jitter, vector.random) + staleFor(windows(vector));
    assert.equal(kept, vector.life, JSON.stringify(vector));
  }
});
