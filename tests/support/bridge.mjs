/** The real bridge, on a free loopback port. */

import { existsSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { start, temporaryFolder } from "./processes.mjs";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));

/** The bridge that `make bridge` builds, or the one named by `ISOCACHE_BIN`. */
export function program() {
  const path = process.env.ISOCACHE_BIN ?? resolve(ROOT, process.env.CARGO_TARGET_DIR ?? "target", "debug/isocache");
  if (!existsSync(path)) {
    throw new Error(`no bridge at ${path}: build it with \`make bridge\`, or name one in ISOCACHE_BIN`);
  }
  return path;
}

/** For a configuration file: the limits on the time that clients and Redis take are out of the reach of a slow machine. */
export const PATIENT = `[server]
command-timeout = "10m"
head-timeout = "10m"
body-timeout = "10m"
write-timeout = "10m"
keep-alive = "1h"
`;

/** The argument that names a configuration file with this text. */
export function configured(text) {
  const file = join(temporaryFolder(), "isocache.toml");
  writeFileSync(file, text);
  return ["--config", file];
}

/**
 * Starts `isocache serve` with `args` and waits until it listens. It is patient, unless `args` name another configuration file.
 * `wrapper` is a command that starts it, for example `env`.
 */
export async function serveBridge(args, { env, wrapper = [] } = {}) {
  const config = args.includes("--config") ? [] : configured(PATIENT);
  const [command, ...words] = [...wrapper, program(), "serve", "--listen", "127.0.0.1:0", ...config, ...args];
  const server = start(command, words, { env });
  try {
    return { server, url: await server.said(/^isocache: listening on (http\S+)/) };
  } catch (error) {
    await server.kill();
    throw error;
  }
}
