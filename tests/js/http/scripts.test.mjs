// The Lua scripts that both libraries send to Redis: the same in both, apart from spaces.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

const source = (path) => readFileSync(new URL(`../../../${path}`, import.meta.url), "utf8");
const words = (script) => script.replace(/\s+/g, " ").trim();

/** The scripts of a source, which are the texts with a call of Redis. */
function scripts(path, texts) {
  const found = [...source(path).matchAll(texts)]
    .map(([, text]) => words(text))
    .filter((text) => /redis\.p?call/.test(text));
  assert.notEqual(found.length, 0, path);
  return found;
}

const rust = scripts("src/remote/scripts.rs", /"((?:[^"\\]|\\[\s\S])*)"/g).map((text) =>
  words(text.replaceAll("\\ ", " ")),
);

test("the scripts of JavaScript are those of Rust", () => {
  const [increment] = scripts("pkg/src/http/increment-within.ts", /`\\\n([^`]*)`/g);
  const [release] = scripts("pkg/src/load/lease.ts", /"([^"]*)"/g);
  // It is made of several texts.
  const [, pieces] = source("pkg/src/http/store.ts").match(/const \w+ =\n((?:\s+"[^"]*"(?: \+)?\n?)+);/);
  const replace = words([...pieces.matchAll(/"([^"]*)"/g)].map(([, text]) => text).join(""));
  assert.equal(rust.length, 3);
  for (const script of [release, replace, increment]) {
    assert.ok(rust.includes(script), script);
  }
});
