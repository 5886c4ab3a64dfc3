// Ten thousand operations leave nothing behind: no memory, no timer, nothing that keeps a process alive.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { nowhere } from "./support/faults.mjs";
import { startBridge, TOKEN } from "./support/servers.mjs";

const PROGRAM = fileURLToPath(new URL("support/leaks.mjs", import.meta.url));
/** What the engine itself may keep: a leak of one small object an operation is more. */
const MOST_BYTES = 700_000;

describe("ten thousand operations", () => {
  let bridge;
  before(async () => {
    bridge = await startBridge();
  });
  after(() => bridge?.close());

  for (const transport of ["Node's client", "fetch"]) {
    test(transport, { timeout: 240_000 }, async (t) => {
      const given = JSON.stringify({ url: bridge.url, dead: await nowhere(), token: TOKEN, transport });
      const { stdout } = await promisify(execFile)(process.execPath, ["--expose-gc", PROGRAM, given], {
        timeout: 200_000,
      });
      const { grown, wasm, timers } = JSON.parse(stdout);
      t.diagnostic(`the heap has grown by ${grown} bytes`);
      assert.ok(grown < MOST_BYTES, `the heap has grown by ${grown} bytes`);
      assert.equal(wasm, 0, "the memory of the engine has grown");
      assert.equal(timers, 0);
    });
  }
});
