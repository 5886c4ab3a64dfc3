// Test files start processes and servers in hooks and tests only, and by one module.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { eagerStarts } from "../support/eager.mjs";
import { filesBelow } from "./support/files.mjs";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const files = ["tests", "www/test"]
  .flatMap((folder) => filesBelow(ROOT + folder).map((name) => `${folder}/${name}`))
  .filter((name) => name.endsWith(".mjs"))
  .map((name) => ({ name, source: readFileSync(ROOT + name, "utf8") }));
const testFiles = files.filter(({ name }) => name.endsWith(".test.mjs"));

test("no test file starts anything in the body of a suite or of the file", () => {
  assert.ok(testFiles.length > 60, `${testFiles.length} files`);
  const found = testFiles.flatMap(({ name, source }) =>
    eagerStarts(source).map(({ line, what }) => `${name}:${line}: ${what} belongs in a hook such as \`before\``),
  );
  assert.deepEqual(found, []);
});

test("processes and browsers are started by tests/support and tests/js/support/browser.mjs", () => {
  const found = files
    .filter(({ name }) => !name.startsWith("tests/support/"))
    .filter(({ source }) => /^import .* from "(node:)?child_process"/m.test(source))
    .map(({ name }) => name);
  assert.deepEqual(found, []);
  const browsers = files.filter(({ source }) => /^import .* from "playwright/m.test(source)).map(({ name }) => name);
  // An extension needs a profile of its own.
  assert.deepEqual(browsers, ["tests/js/support/browser.mjs", "tests/packaging/environments/cells/browsers.mjs"]);
});

test("waits have the limit of tests/support/waiting.mjs, and tests have none of their own", () => {
  const found = files.flatMap(({ name, source }) =>
    source
      .split("\n")
      .map((line, at) => [line, `${name}:${at + 1}`])
      .filter(([line]) => /AbortSignal\.timeout\(|\b(test|it|describe)\(.*\{[^}]*timeout:/.test(line))
      .map(([, place]) => place),
  );
  assert.deepEqual(found, []);
});

const HEAD = 'import { startBridge, serve } from "./servers.mjs";\n';
for (const [name, source, expected] of [
  ["in the body of the file", "const bridge = await startBridge();", ["2 await startBridge(…)"]],
  ["in the body of a suite", 'describe("s", () => {\n  const p = startBridge();\n});', ["3 startBridge(…)"]],
  [
    "in an asynchronous body of a suite",
    'describe("s", async () => {\n  const b = await startBridge();\n  test("t", () => {});\n});',
    ["2 an asynchronous body of describe", "3 await startBridge(…)"],
  ],
  [
    "in a suite of a suite",
    'describe("s", () => {\n  describe("t", () => {\n    serve({});\n  });\n});',
    ["4 serve(…)"],
  ],
  [
    "by a helper that a suite calls",
    'async function make() {\n  return startBridge();\n}\ndescribe("s", () => {\n  make();\n});',
    ["3 startBridge(…)"],
  ],
  [
    "in a loop over the kinds",
    'for (const k of [1]) {\n  describe("s", () => {\n    serve(k);\n  });\n}',
    ["4 serve(…)"],
  ],
  ["by a method", "const b = chromium.launch({});\ncreateServer().listen(0);", ["2 launch(…)", "3 listen(…)"]],
  ["in a hook", "let b;\nbefore(async () => {\n  b = await startBridge();\n});", []],
  ["in a test", 'test("t", async () => {\n  const b = await startBridge();\n});', []],
  ["by a helper that a test calls", 'const make = () => startBridge();\ntest("t", () => make());', []],
  ["where a table says how", "const SERVERS = { a: { start: () => startBridge() } };", []],
  ["nothing: a pattern", "const m = /a/.exec('a');\nconst s = 'a'.startsWith('a');", []],
]) {
  test(`the check sees a start ${name}`, () => {
    assert.deepEqual(
      eagerStarts(HEAD + source).map(({ line, what }) => `${line} ${what}`),
      expected,
    );
  });
}
