/** The real bridge, and clients of it. */

import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { Redis } from "@upstash/redis";
import { eventually, start } from "./processes.mjs";

const ROOT = fileURLToPath(new URL("../../../../", import.meta.url));
const PROGRAM = process.env.ISOCACHE_BIN ?? resolve(ROOT, process.env.CARGO_TARGET_DIR ?? "target", "debug/isocache");

/** The token of the role `admin`. */
export const TOKEN = "a-token-for-tests-which-may-do-everything";
/** The token of the role `read-only`. */
export const READ_ONLY_TOKEN = "a-token-for-tests-which-may-only-read";
/** The one origin whose pages may use the bridge. */
export const ORIGIN = "https://app.example";

/** Starts a bridge and waits until it says where it listens. `args` come after those that every bridge gets. */
export async function startBridge(store, args = []) {
  if (!existsSync(PROGRAM)) {
    throw new Error(
      `no bridge at ${PROGRAM}: cargo build --features bridge --bin isocache, or name one by ISOCACHE_BIN`,
    );
  }
  const tokens = ["--token", TOKEN, "--read-only-token", READ_ONLY_TOKEN];
  const usual = ["--listen", "127.0.0.1:0", "--store", store, "--allow-origin", ORIGIN];
  const server = start(PROGRAM, ["serve", ...usual, ...tokens, ...args]);
  const url = await eventually("the bridge to listen or to end", () => {
    if (server.hasEnded()) {
      throw new Error(`the bridge does not start:\n${server.why()}`);
    }
    return /^isocache: listening on (http:\/\/127\.0\.0\.1:\d+)$/m.exec(server.output().stdout)?.[1];
  });
  return {
    url,
    /** A client as applications make it, except that it does not repeat requests: that would hide a lost connection. */
    client: (options) => new Redis({ url, token: TOKEN, retry: { retries: 0 }, ...options }),
    log: () => server.output().stderr,
    deafen: () => server.deafen(),
    stop: () => server.stop(),
  };
}
