// A server that refuses a large write before it has read it: the operation fails with an error of ours, the process lives,
// and no connection stays behind, in every runtime.

import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { run as runProcess } from "../../support/processes.mjs";
import { until } from "../../support/waiting.mjs";
import { launch } from "../support/browser.mjs";
import { serve } from "../support/server.mjs";
import { startWorker } from "../support/workerd.mjs";
import { EARLY, OUTCOMES, startEarly } from "./support/early-answers.mjs";
import { startBridge } from "./support/servers.mjs";

const path = (name) => fileURLToPath(new URL(name, import.meta.url));
const root = path("../../..");
/** How often each kind is written to; with ISOCACHE_MANY=60, a thousand writes in each runtime but the browser. */
const MANY = Number(process.env.ISOCACHE_MANY ?? 10);
const FEW = Number(process.env.ISOCACHE_MANY ?? 4);
const IN_BROWSER = 4;
/**
 * Kinds that every runtime can take. Where a server neither reads on nor closes, Chromium waits until the body is sent, and
 * Deno sends the next request over the connection that is still busy with the last: operations end by their timeout.
 */
const CLOSED = EARLY.filter((kind) => !kind.endsWith("keep"));

const RUNTIMES = [
  ["Node's client", MANY, EARLY, undefined, process.execPath],
  ["Node's fetch", MANY, EARLY, "fetch", process.execPath],
  [
    "Deno",
    FEW,
    CLOSED,
    undefined,
    join(root, "node_modules/.bin/deno"),
    "run",
    "-A",
    "--no-lock",
    "--node-modules-dir=none",
  ],
  ["Bun", FEW, EARLY, undefined, join(root, "node_modules/.bin/bun"), "run"],
];

describe("a large write that is refused early", () => {
  let folder;
  let early;
  let bridge;
  let pages;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "isocache-early-"));
    early = await startEarly();
    bridge = await startBridge();
    const script = await readFile(path("support/refused-writes.mjs"), "utf8");
    const served = { "/refused-writes.mjs": script, "/favicon.ico": "" };
    pages = await serve({ folders: { "dist/": path("../../../pkg/dist") }, pages: served });
    served["/page"] = `<!doctype html><script type="module">
      import * as isocache from "/dist/http.js";
      import { refusedWrites } from "/refused-writes.mjs";
      const options = ${JSON.stringify({ url: early.url, kinds: CLOSED, runs: IN_BROWSER })};
      window.result = JSON.stringify(await refusedWrites(isocache, options));
    </script>`;
  });
  after(async () => {
    await pages?.close();
    await bridge?.close();
    await early?.close();
    await rm(folder, { recursive: true, force: true });
  });

  /** Every write of every kind has failed, as it may. */
  async function check(outcomes, runs, kinds = EARLY, isExact = false) {
    assert.deepEqual(Object.keys(outcomes), kinds);
    for (const [kind, counts] of Object.entries(outcomes)) {
      const all = OUTCOMES[kind.split("-")[0]];
      const allowed = isExact ? all.slice(0, 1) : all;
      for (const outcome of Object.keys(counts)) {
        assert.ok(allowed.includes(outcome), `${kind}: ${JSON.stringify(counts)}`);
      }
      const sum = Object.values(counts).reduce((sum, count) => sum + count, 0);
      assert.equal(sum, runs, kind);
    }
    await until(() => early.open() === 0);
  }

  async function run(program, args, options) {
    const env = { ...process.env, DENO_DIR: join(folder, "deno"), DENO_NO_UPDATE_CHECK: "1" };
    const words = [...args, path("support/refused-writes.mjs"), JSON.stringify(options)];
    const stdout = await runProcess(program, words, { cwd: folder, env });
    return JSON.parse(/^result: (.*)$/m.exec(stdout)[1]);
  }

  for (const [name, runs, kinds, transport, program, ...args] of RUNTIMES) {
    test(name, async (t) => {
      const outcomes = await run(program, args, { url: early.url, kinds, runs, transport });
      t.diagnostic(JSON.stringify(outcomes));
      // Node's client asks again before it sends the body, if the answer was lost.
      await check(outcomes, runs, kinds, name === "Node's client");
    });

    test(`${name}, and a real bridge with another token`, async (t) => {
      const options = { url: bridge.url, token: "expired-token-0123456789", kinds: [""], runs, transport };
      const { "": counts } = await run(program, args, options);
      t.diagnostic(JSON.stringify(counts));
      const { refused, connection = 0, ...others } = counts;
      assert.deepEqual(others, {});
      assert.ok(refused > 0 && refused + connection === runs, JSON.stringify(counts));
    });
  }

  test("workerd", async (t) => {
    const file = join(folder, "worker.mjs");
    const options = JSON.stringify({ url: early.url, kinds: EARLY, runs: FEW });
    await symlink(join(root, "node_modules"), join(folder, "node_modules"));
    await writeFile(
      file,
      `import * as isocache from "isocache";
      import { refusedWrites } from ${JSON.stringify(path("support/refused-writes.mjs"))};
      export default {
        async fetch() {
          return Response.json(await refusedWrites(isocache, ${options}));
        },
      };`,
    );
    const worker = await startWorker(file, { compatibilityDate: "2026-01-01", vars: {} });
    try {
      const outcomes = await (await fetch(worker.url)).json();
      t.diagnostic(JSON.stringify(outcomes));
      await check(outcomes, FEW);
    } finally {
      await worker.close();
    }
  });

  test("Chromium", async (t) => {
    const browser = await launch();
    try {
      const { result, errors } = await browser.run(`${pages.url}/page`);
      t.diagnostic(JSON.stringify(result));
      assert.deepEqual(
        errors.filter((error) => !/net::ERR_|status of/.test(error)),
        [],
      );
      await check(result, IN_BROWSER, CLOSED);
    } finally {
      await browser.close();
    }
  });
});
