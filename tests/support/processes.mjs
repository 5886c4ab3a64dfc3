/** Processes that tests start. None outlives the process of its test file, however that ends. */

import { execFileSync, spawn } from "node:child_process";
import { createSocket } from "node:dgram";
import { mkdtempSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setInterval } from "node:timers";
import { LIMIT, withinLimit } from "./waiting.mjs";

/** For how long a process may take to end after it was asked to, in milliseconds, before it is forced to. */
const GRACE = 60_000;

/** Processes of this test file that have not ended. */
const children = new Map();

/**
 * Runs a line of shell, with `argument` as `$1`, when this process has ended, also when it was killed: a shell waits for the
 * end of its input, which the system closes then.
 */
function afterwards(line, argument) {
  const script = ["-c", `read -r _; ${line}`, "sh", argument];
  // In a group of its own, so that an interrupt from the keyboard does not reach it.
  const shell = spawn("sh", script, { stdio: ["pipe", "ignore", "ignore"], detached: true });
  shell.unref();
  shell.stdin.unref();
  return shell;
}

function killGroup(pid, signal) {
  try {
    process.kill(-pid, signal);
  } catch (error) {
    if (error.code !== "ESRCH") {
      throw error;
    }
  }
}

process.on("exit", () => {
  for (const [pid, command] of children) {
    killGroup(pid, "SIGKILL");
    // The tests of this file may have passed; what they left behind is a fault of theirs.
    process.stderr.write(`isocache: ${command} still ran when the tests ended\n`);
    process.exitCode ||= 1;
  }
});

// A test file whose runner was killed ends, too.
const parent = process.ppid;
setInterval(() => process.ppid === parent || process.exit(1), 1000).unref();

/** A folder that is removed when this process ends. */
export function temporaryFolder() {
  const folder = mkdtempSync(join(tmpdir(), "isocache-test-"));
  afterwards('rm -rf "$1"', folder);
  return folder;
}

/**
 * Starts a program in a process group of its own. It does not keep this process alive: wait for it with the functions of
 * `waiting.mjs`. `options` are `env`, `cwd`, `stdin` (a text), `shown` (it writes where this process writes), and `control`
 * (a further file descriptor 3 is read).
 */
export function start(program, args, { env = process.env, cwd, stdin, shown = false, control = false } = {}) {
  const out = shown ? "inherit" : "pipe";
  const stdio = ["pipe", out, out, ...(control ? ["pipe"] : [])];
  const child = spawn(program, args, { env, cwd, stdio, detached: true });
  const command = [program, ...args].join(" ");
  let killer;
  if (child.pid !== undefined) {
    children.set(child.pid, command);
    killer = afterwards('kill -s KILL -- "-$1"', String(child.pid));
  }
  child.unref();
  const written = { stdout: "", stderr: "", control: "" };
  const lines = { stdout: [], stderr: [], control: [] };
  const listeners = new Set();
  const tell = () => {
    for (const listener of listeners) {
      listener();
    }
  };
  for (const [name, stream] of Object.entries({
    stdout: child.stdout,
    stderr: child.stderr,
    control: child.stdio[3],
  })) {
    if (!stream) {
      continue;
    }
    stream.unref();
    stream.setEncoding("utf8").on("data", (text) => {
      written[name] += text;
    });
    createInterface({ input: stream }).on("line", (line) => {
      lines[name].push(line);
      tell();
    });
  }
  let running = true;
  let code = null;
  let failure;
  const forget = () => {
    if (!running) {
      return;
    }
    running = false;
    if (child.pid !== undefined) {
      // What it started itself ends with it.
      killGroup(child.pid, "SIGKILL");
      children.delete(child.pid);
    }
    // The number of the process may be another's from now on.
    killer?.kill("SIGKILL");
    tell();
  };
  const ended = new Promise((resolve) => {
    child.on("error", (error) => {
      failure = error;
      forget();
      resolve();
    });
    child.on("exit", (exitCode) => {
      code = exitCode;
      forget();
    });
    // Its output is complete.
    child.on("close", resolve);
  });
  child.stdin.on("error", () => {});
  child.stdin.unref?.();
  child.stdin.end(stdin);
  const why = () => failure?.message ?? `${written.stdout}${written.stderr}`;
  return {
    pid: child.pid,
    /** What it has written so far, by stream. */
    output: () => written,
    hasEnded: () => !running,
    why,
    /** The first group of the first line that matches, once there is one. */
    said(pattern, stream = "stdout") {
      const found = new Promise((resolve, reject) => {
        const search = () => lines[stream].map((line) => pattern.exec(line)).find(Boolean);
        const look = () => {
          const match = search();
          if (match) {
            listeners.delete(look);
            resolve(match[1]);
          } else if (!running) {
            listeners.delete(look);
            // The last lines may still be on the way.
            ended.then(() => {
              const late = search();
              late ? resolve(late[1]) : reject(new Error(`${command} ended with code ${code}: ${why()}`));
            });
          }
        };
        listeners.add(look);
        look();
      });
      const what = `${program} to write ${pattern}`;
      return withinLimit(what, found).catch((error) => {
        throw new Error(`${error.message}\n${why()}`, { cause: error });
      });
    },
    /** Stops reading its output, as a shell does that has gone away. */
    deafen() {
      child.stdout.destroy();
      child.stderr.destroy();
    },
    /** Waits until it has ended by itself; returns its exit code. */
    async ended(limit = LIMIT) {
      await withinLimit(`${command} to end`, ended, limit);
      return code;
    },
    /** Ends it without notice. */
    async kill() {
      if (running) {
        killGroup(child.pid, "SIGKILL");
      }
      await withinLimit(`${command} to end`, ended);
    },
    /** Asks it to end, forces it to if it does not, and returns its exit code, `null` if it was forced. */
    async stop() {
      if (running) {
        child.kill("SIGTERM");
        await withinLimit(`${command} to end`, ended, GRACE).catch(() => this.kill());
      }
      return code;
    },
  };
}

/** Runs a program to its end and returns what it wrote to `stdout`; an error has all its output. */
export async function run(program, args, { limit = LIMIT, ...options } = {}) {
  const child = start(program, args, options);
  let code;
  try {
    code = await child.ended(limit);
  } finally {
    await child.kill();
  }
  const { stdout, stderr } = child.output();
  if (code !== 0) {
    const error = new Error(`${[program, ...args].join(" ")} ended with code ${code}:\n${child.why()}`);
    throw Object.assign(error, { code, stdout, stderr });
  }
  return stdout;
}

/** The bytes of a file that xz has compressed. */
export function decompressed(path) {
  return execFileSync("xz", ["--decompress", "--stdout", path], { maxBuffer: 2 ** 28, timeout: LIMIT });
}

/**
 * A free port of these tests, and with it the one 10,000 above, for the bus of a cluster. Nobody else gets it: while this process
 * runs, no other of these tests, and the system chooses none so low.
 */
export async function freePort() {
  const isFree = (port) =>
    new Promise((resolve) => {
      const server = createServer();
      server.once("error", () => resolve(false));
      server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
    });
  for (let tries = 0; tries < 1000; tries++) {
    // Above 10,080, to which browsers do not connect.
    const port = 10_100 + Math.floor(Math.random() * 11_900);
    if ((await isFree(port)) && (await isFree(port + 10_000)) && (await claim(port))) {
      return port;
    }
  }
  throw new Error("no port is free");
}

/** Whether a port is this process's from now on. The port of UDP is the lock, which the system opens when the process ends. */
function claim(port) {
  return new Promise((resolve) => {
    const lock = createSocket("udp4");
    lock.once("error", () => lock.close(() => resolve(false)));
    lock.bind({ port, address: "127.0.0.1", exclusive: true }, () => {
      lock.unref();
      resolve(true);
    });
  });
}
