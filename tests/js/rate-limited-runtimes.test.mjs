// `rateLimited` in Deno, Bun, workerd and Node, with the package as each resolves it.

import assert from "node:assert/strict";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { run } from "../support/processes.mjs";
import { startWorker } from "./support/workerd.mjs";

const path = (name) => fileURLToPath(new URL(name, import.meta.url));
const PROGRAM = path("support/rate-limited-program.mjs");
const WORKER = path("support/rate-limited-worker.mjs");
const policy = '"default";q=2;w=3600';
const EXPECTED = [
  [200, policy, '"default";r=1;t=1800', null, "hello"],
  [200, policy, '"default";r=0;t=3600', null, "hello"],
  [429, policy, '"default";r=0;t=1800', "1800", "too many requests\n"],
];

for (const [name, command, ...args] of [
  ["Node", process.execPath],
  ["Deno", path("../../node_modules/.bin/deno"), "run", "--allow-all", "--no-lock", "--node-modules-dir=manual"],
  ["Bun", path("../../node_modules/.bin/bun"), "run"],
]) {
  test(name, async () => {
    const env = { ...process.env, DENO_NO_UPDATE_CHECK: "1" };
    const stdout = await run(command, [...args, PROGRAM], { cwd: path("."), env });
    assert.deepEqual(JSON.parse(/^\[\[.*$/m.exec(stdout)[0]), EXPECTED);
  });
}

test("workerd", async () => {
  const worker = await startWorker(WORKER, { compatibilityDate: "2026-01-01", vars: {} });
  try {
    const response = await fetch(worker.url);
    assert.deepEqual(await response.json(), EXPECTED);
  } finally {
    await worker.close();
  }
});
