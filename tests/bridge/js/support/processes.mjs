/** Servers that a test file starts. None outlives it, however it ends. */

import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** For how long a server may take to start, to answer or to end, in milliseconds. */
const PATIENCE = 30_000;

const running = new Set();
const folders = new Set();

process.on("exit", () => {
  for (const child of running) {
    child.kill("SIGKILL");
  }
  for (const folder of folders) {
    rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
  }
});
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) {
  process.on(signal, () => process.exit(1));
}

/** A folder that is removed with the process. */
export function temporaryFolder() {
  const folder = mkdtempSync(join(tmpdir(), "isocache-bridge-"));
  folders.add(folder);
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

/** A running program. `output()` is what it has written so far, by stream. */
export function start(program, args, { stdin } = {}) {
  const child = spawn(program, args, { stdio: ["pipe", "pipe", "pipe"] });
  running.add(child);
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
    child.on("exit", resolve);
  }).then(() => running.delete(child));
  child.stdin.on("error", () => {});
  child.stdin.end(stdin);
  return {
    output: () => written,
    hasEnded: () => !running.has(child),
    why: () => failure?.message ?? `${written.stdout}${written.stderr}`,
    async stop() {
      if (running.has(child)) {
        child.kill("SIGTERM");
        const timer = setTimeout(() => child.kill("SIGKILL"), PATIENCE);
        await ended;
        clearTimeout(timer);
      }
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
