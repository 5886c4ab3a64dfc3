// The vectors that Rust has too: src/load/windows.rs.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const source = fileURLToPath(new URL("../../../pkg/src/load/freshness.ts", import.meta.url));
const { outputFiles } = await build({ entryPoints: [source], write: false, format: "esm" });
const { judge, lifeOf } = await import(`data:text/javascript,${encodeURIComponent(outputFiles[0].text)}`);
const vectors = JSON.parse(await readFile(new URL("../../vectors/load.json", import.meta.url), "utf8"));
const windows = (of) => ({ whileRevalidate: of.while_revalidate, ifError: of.if_error, early: of.early });

test("what an age means", () => {
  assert.ok(vectors.judge.length > 10);
  for (const vector of vectors.judge) {
    assert.equal(judge(windows(vector), vector.left, vector.random), vector.verdict, JSON.stringify(vector));
  }
});

test("how long an entry is stored", () => {
  assert.ok(vectors.life.length > 5);
  for (const vector of vectors.life) {
    const life = lifeOf(windows(vector), vector.ttl, vector.jitter, vector.random);
    assert.equal(life, vector.life, JSON.stringify(vector));
  }
});
