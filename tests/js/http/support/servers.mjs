/** Real servers for tests, on free loopback ports: the bridge, and Redis. */

import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const LIMIT = 20_000;
export const TOKEN = "token-of-the-tests-0123456789";

/** The bridge that `make bridge` builds, or the one named by ISOCACHE_BIN. */
export function program() {
  const path = process.env.ISOCACHE_BIN ?? fileURLToPath(new URL("../../../../target/debug/isocache", import.meta.url));
  if (!existsSync(path)) {
    throw new Error(`no bridge at ${path}; \`make bridge\` builds it`);
  }
  return path;
}

/** Starts a bridge; what is given goes to `isocache serve`. */
export async function startBridge(...args) {
  const all = ["serve", "--listen", "127.0.0.1:0", "--token", TOKEN, ...args];
  const server = start(program(), all, process.env);
  const url = await server.said(/^isocache: listening on (\S+)/, "stdout");
  return { url, token: TOKEN, pid: server.pid, close: server.stop };
}

/** Starts a bridge that asks nobody for a token. */
export async function startOpenBridge() {
  const env = { ...process.env };
  delete env.ISOCACHE_TOKEN;
  const server = start(program(), ["serve", "--listen", "127.0.0.1:0"], env);
  return { url: await server.said(/^isocache: listening on (\S+)/, "stdout"), close: server.stop };
}

/** Starts a Redis that writes nothing to disk. */
export async function startRedis() {
  const folder = mkdtempSync(join(tmpdir(), "isocache-redis-"));
  const port = await freePort();
  const args = ["--port", `${port}`, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", folder];
  const server = start("redis-server", args, process.env);
  await server.said(/(Ready to accept connections)/, "stdout");
  return {
    url: `redis://127.0.0.1:${port}`,
    /** Asks it directly. */
    cli: (...words) => spawnSync("redis-cli", ["-p", `${port}`, ...words], { encoding: "utf8" }).stdout.trimEnd(),
    async close() {
      await server.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** A process that ends with the tests, whatever ends them. */
export function start(command, args, env) {
  const child = spawn(command, args, { env, stdio: ["ignore", "pipe", "pipe"] });
  const kill = () => child.kill("SIGKILL");
  process.once("exit", kill);
  const lines = { stdout: [], stderr: [] };
  const listeners = new Set();
  for (const name of ["stdout", "stderr"]) {
    createInterface({ input: child[name] }).on("line", (line) => {
      lines[name].push(line);
      for (const listener of listeners) {
        listener();
      }
    });
  }
  const ended = once(child, "exit");
  return {
    pid: child.pid,
    /** What a line holds that matches, once there is one. */
    said: (pattern, name) =>
      new Promise((resolve, reject) => {
        const fail = (why) =>
          done(reject, new Error(`${command} ${why}\n${lines.stdout.join("\n")}\n${lines.stderr.join("\n")}`));
        const limit = setTimeout(() => fail("did not say that it is ready"), LIMIT);
        const look = () => {
          const found = lines[name].map((line) => pattern.exec(line)).find(Boolean);
          if (found) {
            done(resolve, found[1]);
          }
        };
        const done = (settle, outcome) => {
          clearTimeout(limit);
          listeners.delete(look);
          settle(outcome);
        };
        ended.then(([code]) => fail(`ended with ${code}`));
        child.once("error", ({ message }) => fail(message));
        listeners.add(look);
        look();
      }),
    async stop() {
      process.off("exit", kill);
      kill();
      await ended;
    },
  };
}

async function freePort() {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  server.close();
  await once(server, "close");
  return port;
}
