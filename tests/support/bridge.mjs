/** The real bridge, on a free loopback port. */

import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { start } from "./processes.mjs";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));

/** The bridge that `make bridge` builds, or the one named by `ISOCACHE_BIN`. */
export function program() {
  const path = process.env.ISOCACHE_BIN ?? resolve(ROOT, process.env.CARGO_TARGET_DIR ?? "target", "debug/isocache");
  if (!existsSync(path)) {
    throw new Error(`no bridge at ${path}: build it with \`make bridge\`, or name one in ISOCACHE_BIN`);
  }
  return path;
}

/** Starts `isocache serve` with `args` and waits until it listens. `wrapper` is a command that starts it, for example `env`. */
export async function serveBridge(args, { env, wrapper = [] } = {}) {
  const [command, ...words] = [...wrapper, program(), "serve", "--listen", "127.0.0.1:0", ...args];
  const server = start(command, words, { env });
  try {
    return { server, url: await server.said(/^isocache: listening on (http\S+)/) };
  } catch (error) {
    await server.kill();
    throw error;
  }
}
