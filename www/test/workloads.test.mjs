// The generator: the same seed gives the same requests, and each kind has the shape that the page describes.

import assert from "node:assert/strict";
import { test } from "node:test";
import { checkWorkload, requests } from "../src/workloads.js";

const settings = { keys: 100, requests: 20_000, skew: 1, seed: 3 };

function keys(source) {
  const { total, next } = requests({ ...settings, ...source });
  return Array.from({ length: total }, next);
}

test("a seed decides everything", () => {
  for (const kind of ["zipf", "mix"]) {
    assert.deepEqual(keys({ kind }), keys({ kind }));
    assert.notDeepEqual(keys({ kind }), keys({ kind, seed: 4 }));
  }
});

test("Zipf: the share of a rank is what the formula says", () => {
  const counts = new Map();
  for (const key of keys({ kind: "zipf" })) {
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  const harmonic = Array.from({ length: 100 }, (_, at) => 1 / (at + 1)).reduce((sum, part) => sum + part);
  for (const rank of [1, 2, 10]) {
    const share = counts.get(`key:${rank}`) / settings.requests;
    assert.ok(Math.abs(share * harmonic * rank - 1) < 0.15, `rank ${rank}: ${share}`);
  }
  assert.equal(counts.size, 100);
});

test("without skew all keys are alike, and one key is always the same", () => {
  const flat = keys({ kind: "zipf", skew: 0 }).filter((key) => key === "key:1").length;
  assert.ok(Math.abs(flat - 200) < 60, `${flat} of 20000 for one of 100 keys`);
  assert.deepEqual(new Set(keys({ kind: "zipf", keys: 1 })), new Set(["key:1"]));
});

test("a scan never comes back, a loop always does", () => {
  assert.equal(new Set(keys({ kind: "scan" })).size, settings.requests);
  const loop = keys({ kind: "loop" });
  assert.equal(new Set(loop).size, 100);
  assert.deepEqual(loop.slice(0, 100), loop.slice(100, 200));
});

test("the mix has all three", () => {
  const kinds = new Set(keys({ kind: "mix", requests: 100_000 }).map((key) => key.split(":")[0]));
  assert.deepEqual([...kinds].sort(), ["key", "loop", "scan"]);
});

test("settings out of range are named; those that a kind does not read are not looked at", () => {
  for (const [field, value] of [
    ["keys", 0],
    ["keys", 1.5],
    ["requests", 50_000_001],
    ["skew", -1],
    ["seed", Number.NaN],
  ]) {
    assert.throws(() => checkWorkload({ ...settings, kind: "zipf", [field]: value }), { name: "FieldError", field });
  }
  checkWorkload({ ...settings, kind: "scan", keys: Number.NaN, skew: Number.NaN });
});
