// Whatever happens to a run of tests, it ends with a status, and so does everything that its tests have started.

import assert from "node:assert/strict";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { start, temporaryFolder } from "../support/processes.mjs";
import { eventually } from "../support/waiting.mjs";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const SUPPORT = JSON.stringify(`${ROOT}tests/support/processes.mjs`);
const HEAD = `
  import { after, before, describe, test } from "node:test";
  import { spawn } from "node:child_process";
  import { writeFileSync } from "node:fs";
  import { start } from ${SUPPORT};
  const tell = (pid) => writeFileSync(process.env.TOLD, String(pid));
  const sleeper = () => start("sleep", ["1000"]);
`;
/** Bodies of test files; the number of the process that they start is told. */
const FILES = {
  "a server that is ended":
    'let s; before(() => { s = sleeper(); tell(s.pid); }); after(() => s.stop()); test("t", () => {});',
  "a server that is forgotten": 'before(() => tell(sleeper().pid)); test("t", () => {});',
  "a suite whose body fails":
    'describe("s", async () => { tell(sleeper().pid); await null; throw new Error("no"); }); test("t", () => {});',
  "a body that fails": 'tell(sleeper().pid); throw new Error("no");',
  "a test that ends the process": 'test("t", () => { tell(sleeper().pid); process.exit(0); });',
  "a process that is started past the support":
    'test("t", () => { const c = spawn("sleep", ["1000"], { detached: true, stdio: "ignore" }); tell(c.pid); c.unref(); });',
  "a test that hangs":
    'test("t", async () => { tell(sleeper().pid); setInterval(() => {}, 1000); await new Promise(() => {}); });',
};

describe("a run of tests", () => {
  let folder;
  before(() => {
    folder = temporaryFolder();
  });
  let made = 0;

  /** Starts a run of one file; `told()` is the number of the process that the file has started, `started()` waits for it. */
  function running(kind, wrapped = true, more = {}) {
    const place = join(folder, `told-${made}`);
    const file = join(folder, `file-${made++}.test.mjs`);
    writeFileSync(file, `${HEAD}${FILES[kind]}`);
    const { NODE_TEST_CONTEXT: _, ISOCACHE_TEST_RUN: __, ...env } = process.env;
    const args = wrapped ? [`${ROOT}scripts/run-tests.mjs`, file] : ["--test", file];
    const child = start(process.execPath, args, { env: { ...env, TOLD: place, ...more } });
    const told = () => (existsSync(place) && Number(readFileSync(place, "utf8"))) || undefined;
    const started = () => eventually("the file to start its process", told);
    return { child, told, started };
  }

  const isGone = (pid) =>
    eventually(`process ${pid} to end`, () => {
      try {
        // An ended process may wait for its parent to notice.
        return "ZX".includes(readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1][0]) || undefined;
      } catch {
        return true;
      }
    });

  for (const [kind, code, message] of [
    ["a server that is ended", 0, /pass 1/],
    ["a server that is forgotten", 1, /sleep 1000 still ran when the tests ended/],
    ["a suite whose body fails", 1, /fail/],
    ["a body that fails", 1, /fail/],
    ["a test that ends the process", 1, /still ran/],
    ["a process that is started past the support", 1, /left running by a test, and now ended: sleep 1000/],
  ]) {
    test(`${kind}: status ${code}, and nothing is left`, async () => {
      const { child, started } = running(kind, true, { ISOCACHE_GRACE_SECONDS: "1" });
      assert.equal(await child.ended(), code, child.why());
      assert.match(child.why(), message);
      await isGone(await started());
    });
  }

  test("a test that hangs: the run ends with a status of its own", async () => {
    let minutes = 0.05;
    // On a slow machine the run may end before the file has begun. Then it has more time.
    const pid = await eventually("a file that begins before the end of its run", async () => {
      minutes *= 2;
      const { child, told } = running("a test that hangs", true, { ISOCACHE_HANG_MINUTES: `${minutes}` });
      assert.equal(await child.ended(), 124, child.why());
      assert.ok(child.why().includes(`no test has ended for ${minutes} minutes: the run hangs`), child.why());
      return told();
    });
    await isGone(pid);
  });

  for (const [signal, code] of [
    ["SIGINT", 130],
    ["SIGTERM", 143],
    ["SIGHUP", 129],
    ["SIGKILL", null],
  ]) {
    test(`ended by ${signal} while a test hangs, nothing is left`, async () => {
      const { child, started } = running("a test that hangs");
      const pid = await started();
      process.kill(child.pid, signal);
      assert.equal(await child.ended(), code);
      await isGone(pid);
    });
  }

  test("node --test without the script, ended by SIGKILL while a test hangs: nothing is left", async () => {
    const { child, started } = running("a test that hangs", false);
    const pid = await started();
    process.kill(child.pid, "SIGKILL");
    await child.ended();
    await isGone(pid);
  });
});
