/**
 * Runs test files with `node --test`, or a command that runs tests, and returns its status: `node scripts/run-tests.mjs FILE…`,
 * `node scripts/run-tests.mjs -- cargo test`. Whatever happens, the command
 * ends, and nothing that a test started outlives it: a run that writes nothing for a long time is a hang, a process that is left
 * behind is a failure, and an interrupt ends everything.
 */

import { spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { availableParallelism, constants } from "node:os";

/** Without a line for this long, a run hangs, in minutes. A slow machine compiles an example in the longest of them. */
const HANG = Number(process.env.ISOCACHE_HANG_MINUTES ?? 30);
/** How long processes may take to end when their test file has ended, in seconds. A browser on a slow machine takes long. */
const GRACE = Number(process.env.ISOCACHE_GRACE_SECONDS ?? 120);
const TICK = 1_000;
/** How many test files run at once. Most wait for servers and browsers, so that two share even a single processor well. */
const CONCURRENCY = Math.max(2, availableParallelism() - 1);
const MARK = "ISOCACHE_TEST_RUN";

const run = randomUUID();
const words = process.argv.slice(2);
const [command, ...args] =
  words[0] === "--"
    ? words.slice(1)
    : [process.execPath, "--test", "--test-reporter=spec", `--test-concurrency=${CONCURRENCY}`, ...words];
if (words.length === 0 || command === undefined || !(HANG > 0) || !(GRACE >= 0)) {
  process.stderr.write(
    "usage: [ISOCACHE_HANG_MINUTES=30] [ISOCACHE_GRACE_SECONDS=120] node scripts/run-tests.mjs FILE… | -- COMMAND ARGUMENT…\n",
  );
  process.exit(2);
}

/** How many tests of a Rust binary run at once. Most of those that take long wait for servers, too. */
const RUST_TEST_THREADS = process.env.RUST_TEST_THREADS ?? String(Math.max(4, 2 * availableParallelism()));
const env = { ...process.env, RUST_TEST_THREADS, [MARK]: run, ...(process.stdout.isTTY && { FORCE_COLOR: "1" }) };
const runner = spawn(command, args, { env, stdio: ["ignore", "pipe", "pipe"], detached: true });
// If this process is killed, the input of the shell ends, and the shell ends the group of the runner.
const script = ["-c", `read -r _; kill -s KILL -- "-$1"`, "sh", String(runner.pid)];
const watcher = spawn("sh", script, { stdio: ["pipe", "ignore", "ignore"], detached: true });

let quiet = 0;
for (const stream of ["stdout", "stderr"]) {
  runner[stream].on("data", (text) => {
    quiet = 0;
    process[stream].write(text);
  });
}
// Counted in ticks, so that a machine that slept did not hang.
const ticking = setInterval(() => {
  quiet += TICK;
  if (quiet >= HANG * 60_000) {
    finish(124, `no test has ended for ${HANG} minutes: the run hangs`);
  }
}, TICK);
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) {
  process.on(signal, () => finish(128 + constants.signals[signal], `ended by ${signal}`));
}
runner.on("error", (error) => finish(1, error.message));
runner.on("close", (code, signal) => finish(code ?? 1, signal ? `the tests were ended by ${signal}` : undefined));

let isFinishing = false;
async function finish(code, why) {
  if (isFinishing) {
    return;
  }
  isFinishing = true;
  clearInterval(ticking);
  let status = code;
  if (why !== undefined) {
    process.stderr.write(`isocache: ${why}\n`);
    kill(-runner.pid);
  }
  let left = leftovers();
  // Whoever interrupts a run should not have to wait that long.
  const grace = why === undefined ? GRACE : Math.min(GRACE, 20);
  for (let waited = 0; left.length > 0 && waited < grace * 1000; waited += 100) {
    await new Promise((resolve) => setTimeout(resolve, 100));
    left = leftovers();
  }
  for (const { pid, command } of left) {
    process.stderr.write(`isocache: left running by a test, and now ended: ${command}\n`);
    kill(pid);
    status ||= 1;
  }
  kill(watcher.pid);
  process.exit(status);
}

function kill(pid) {
  try {
    process.kill(pid, "SIGKILL");
  } catch (error) {
    if (error.code !== "ESRCH") {
      throw error;
    }
  }
}

/** Processes that inherited the mark of this run. Where there is no /proc, the process groups of the tests have to do. */
function leftovers() {
  const pids = process.platform === "linux" ? readdirSync("/proc").filter((name) => /^\d+$/.test(name)) : [];
  return pids.flatMap((name) => {
    try {
      const isMarked = readFileSync(`/proc/${name}/environ`, "latin1").split("\0").includes(`${MARK}=${run}`);
      const command = readFileSync(`/proc/${name}/cmdline`, "utf8").replaceAll("\0", " ").trim();
      // A process without a command line has ended, and its parent has not noticed.
      return isMarked && command !== "" ? [{ pid: Number(name), command }] : [];
    } catch {
      // It has ended, or it is another user's.
      return [];
    }
  });
}
