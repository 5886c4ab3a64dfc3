/** Servers that a test file starts. None outlives it, however it ends. */

import { spawn } from "node:child_process";
import { mkdtempSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** For how long a server may take to start, to answer or to end, in milliseconds. */
const PATIENCE = 30_000;

/**
 * Runs a line of shell, with `argument` as `$1`, when this process has ended, also when it was killed: a shell waits for the
 * end of its input, which the system closes then.
 */
function afterwards(line, argument) {
  const script = ["-c", `read -r _; ${line}`, "sh", argument];
  // A group of its own, so that what ends the tests from the keyboard leaves it to its work.
  const shell = spawn("sh", script, { stdio: ["pipe", "ignore", "ignore"], detached: true });
  shell.unref();
  shell.stdin.unref();
  return shell;
}

/** A folder that is removed with the process. */
export function temporaryFolder() {
  const folder = mkdtempSync(join(tmpdir(), "isocache-bridge-"));
  afterwards('rm -rf "$1"', folder);
  return folder;
}

/** Asks again and again until there is an answer that is not `undefined`. */
export async function eventually(what, ask) {
  const limit = performance.now() + PATIENCE;
  for (;;) {
    const answer = await ask();
    if (answer !== undefined) {
      return answer;
    }
    if (performance.now() > limit) {
      throw new Error(`waited in vain for ${what}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 15));
  }
}

/** What a promise becomes, or an error if it takes too long. */
export async function withinLimit(what, promise) {
  let timer;
  const limit = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`waited in vain for ${what}`)), PATIENCE);
  });
  try {
    return await Promise.race([promise, limit]);
  } finally {
    clearTimeout(timer);
  }
}

/**
 * A running program. `output()` is what it has written so far, by stream. `deafen()` stops listening to it, as when who has
 * started it is gone. `stop()` asks it to end, forces it to in the end, and returns its exit code, `null` if it was forced.
 */
export function start(program, args, { stdin } = {}) {
  const child = spawn(program, args, { stdio: ["pipe", "pipe", "pipe"] });
  const killer = child.pid && afterwards('kill -KILL "$1"', String(child.pid));
  let running = true;
  let code = null;
  const written = { stdout: "", stderr: "" };
  for (const name of ["stdout", "stderr"]) {
    child[name].setEncoding("utf8").on("data", (text) => {
      written[name] += text;
    });
  }
  let failure;
  const ended = new Promise((resolve) => {
    child.on("error", (error) => {
      failure = error;
      resolve();
    });
    child.on("exit", (exitCode) => {
      code = exitCode;
      resolve();
    });
  }).then(() => {
    running = false;
    // The number of the process may be another's from now on.
    killer?.kill("SIGKILL");
  });
  child.stdin.on("error", () => {});
  child.stdin.end(stdin);
  return {
    output: () => written,
    hasEnded: () => !running,
    why: () => failure?.message ?? `${written.stdout}${written.stderr}`,
    deafen() {
      child.stdout.destroy();
      child.stderr.destroy();
    },
    async stop() {
      if (running) {
        child.kill("SIGTERM");
        const timer = setTimeout(() => child.kill("SIGKILL"), PATIENCE);
        await ended;
        clearTimeout(timer);
      }
      return code;
    },
  };
}

/** A port that was free a moment ago, and with it the one 10,000 above, for the bus of a cluster. */
export async function freePort() {
  const isFree = (port) =>
    new Promise((resolve) => {
      const server = createServer();
      server.once("error", () => resolve(false));
      server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
    });
  for (let tries = 0; tries < 1000; tries++) {
    // Below the range from which the system chooses, so that no outgoing connection takes it in between.
    const port = 10_000 + Math.floor(Math.random() * 12_000);
    if ((await isFree(port)) && (await isFree(port + 10_000))) {
      return port;
    }
  }
  throw new Error("no port is free");
}
