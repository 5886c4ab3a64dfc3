/**
 * Counts the instructions of core operations of the cache, natively, and compares them with `tests/instructions/baseline.json`:
 * unlike times, they do not depend on what else the machine does. The engine is the one of the npm package.
 * `node scripts/instructions.mjs`, or with `--update` to write the baselines after an intended change.
 */

import { execFileSync, spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const file = `${root}tests/instructions/baseline.json`;
const program = `${root}target/release/instructions`;
/** How much an operation may take more or less, and with another compiler than that of the baselines. */
const [TOLERANCE, OTHER_COMPILER] = [0.05, 0.25];
const COUNT = 20_000;
/** Each run has other seeds for its hashes, so a table is now and then less lucky: what seems too much is counted again. */
const ATTEMPTS = 5;

execFileSync("cargo", ["build", "--quiet", "--release", "--package", "instructions"], { cwd: root, stdio: "inherit" });
const compiler = execFileSync("rustc", ["--version"], { encoding: "utf8" }).trim();
const { compiler: known, operations } = JSON.parse(readFileSync(file, "utf8"));

/** The instructions of a run. */
function run(operation, count) {
  const options = ["--tool=callgrind", "--callgrind-out-file=/dev/null", program, operation, String(count)];
  const { status, error, stderr } = spawnSync("valgrind", options, { encoding: "utf8" });
  const collected = /Collected : (\d+)/.exec(stderr ?? "");
  if (error !== undefined || status !== 0 || collected === null) {
    throw new Error(`valgrind failed for ${operation}: ${error?.message ?? stderr}`);
  }
  return Number(collected[1]);
}

const tolerance = known === compiler ? TOLERANCE : OTHER_COMPILER;
const counted = {};
let isWorse = false;
process.stdout.write(`Instructions per operation (tolerance ${tolerance * 100} %, baselines by ${known})\n`);
for (const [operation, baseline] of Object.entries(operations)) {
  let instructions = Infinity;
  for (let attempt = 0; attempt < ATTEMPTS && instructions > baseline * (1 + tolerance); attempt++) {
    // The difference of two runs leaves out the start, and what fills the cache.
    const now = Math.round((run(operation, 2 * COUNT) - run(operation, COUNT)) / COUNT);
    instructions = Math.min(instructions, now);
  }
  counted[operation] = instructions;
  const change = instructions / baseline - 1;
  const verdict =
    Math.abs(change) <= tolerance ? "" : change > 0 ? "  MORE than the baseline" : "  less: update the baseline";
  isWorse ||= change > tolerance;
  process.stdout.write(`  ${operation.padEnd(28)} ${String(instructions).padStart(6)}  (${baseline})${verdict}\n`);
}
if (process.argv.includes("--update")) {
  writeFileSync(file, `${JSON.stringify({ compiler, operations: counted }, null, 2)}\n`);
} else if (isWorse) {
  process.stderr.write(
    "isocache: an operation takes more instructions than its baseline; if that is intended, run node scripts/instructions.mjs --update\n",
  );
  process.exitCode = 1;
}
