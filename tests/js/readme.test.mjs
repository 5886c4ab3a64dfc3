// Every JavaScript example runs, and gives what the comments beside it say.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { rm, writeFile } from "node:fs/promises";
import { after, test } from "node:test";
import { promisify } from "node:util";
import { startOpenBridge } from "./http/support/servers.mjs";
import { checkedModule, commentBlocks, markdownBlocks } from "./support/examples.mjs";

const root = new URL("../../", import.meta.url);
let made = 0;

/** Where the examples say that a bridge is. */
const BRIDGE = "http://127.0.0.1:8079";
let bridge;
after(() => bridge?.close());

/** The text with the address of a real bridge, if it speaks of one. */
async function withBridge(text) {
  if (!text.includes(BRIDGE)) {
    return text;
  }
  bridge ??= await startOpenBridge();
  return text.replaceAll(BRIDGE, bridge.url);
}

/** Runs an example from a file in this folder, from where the names of packages resolve. */
async function run(code) {
  const { module, checks } = checkedModule(await withBridge(code));
  const file = new URL(`.example-${process.pid}-${made++}.mjs`, import.meta.url);
  await writeFile(file, module);
  try {
    await import(file.href);
  } finally {
    await rm(file);
  }
  return checks;
}

const readme = new URL("README.md", root);
const readmeBlocks = existsSync(readme) ? markdownBlocks(readFileSync(readme, "utf8")) : [];
const sources = readdirSync(new URL("pkg/src/", root), { recursive: true })
  .filter((name) => name.endsWith(".ts"))
  .map((name) => ({
    name: `pkg/src/${name}`,
    blocks: commentBlocks(readFileSync(new URL(`pkg/src/${name}`, root), "utf8")),
  }));

test("README.md has examples in JavaScript, with checks", () => {
  assert.ok(existsSync(readme), "there is no README.md");
  assert.ok(readmeBlocks.length > 0, "there is no js block");
  assert.ok(
    readmeBlocks.some(({ code }) => checkedModule(code).checks > 0),
    "no line says what it gives",
  );
});

test("the documentation comments have examples", () => {
  assert.ok(sources.flatMap(({ blocks }) => blocks).length >= 2);
});

for (const { name, blocks } of [{ name: "README.md", blocks: readmeBlocks }, ...sources]) {
  for (const { line, code } of blocks) {
    test(`${name}, line ${line}`, async (t) => {
      t.diagnostic(`${await run(code)} checks`);
    });
  }
}

test("README.md, the lines of curl", async () => {
  const lines = readFileSync(readme, "utf8").matchAll(/^(curl .*) # (.*)$/gm);
  let ran = 0;
  for (const [, command, answer] of lines) {
    const { stdout } = await promisify(execFile)("bash", ["-c", `${await withBridge(command)} -sS --max-time 20`]);
    assert.equal(stdout, answer, command);
    ran++;
  }
  assert.ok(ran >= 4, `${ran}`);
});

test("a wrong example is noticed", async () => {
  const head =
    'import { MemoryCache } from "isocache";\nconst cache = new MemoryCache();\ncache.set("a", { name: "Ada" });\n';
  assert.equal(
    await run(`${head}cache.get("a"); // { name: "Ada" }\ncache.get("b"); // undefined\nconst n = cache.size; // 1`),
    3,
  );
  assert.equal(await run(`${head}cache.getMany([\n  "a",\n]); // [{ name: "Ada" }]\n{ cache.size; // 1\n}`), 2);
  assert.equal(await run(`${head}cache.clear(); // all gone\n// 5\ncache.size;\n// 7`), 0);
  for (const wrong of [
    'cache.get("a"); // { name: "Eve" }',
    'cache.get("b"); // null',
    "const n = cache.size; // 2",
    "Promise.resolve(1); // 1",
    "cache.size; // 1 entry",
    'import "isocache"; cache.gone();',
    "syntax error",
  ]) {
    await assert.rejects(run(head + wrong), wrong);
  }
});
