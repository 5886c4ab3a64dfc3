/** The real bridge, and clients of it. */

import { Redis } from "@upstash/redis";
import { serveBridge } from "../../../support/bridge.mjs";

/** The token of the role `admin`. */
export const TOKEN = "a-token-for-tests-which-may-do-everything";
/** The token of the role `read-only`. */
export const READ_ONLY_TOKEN = "a-token-for-tests-which-may-only-read";
/** The one origin whose pages may use the bridge. */
export const ORIGIN = "https://app.example";

/** Starts a bridge and waits until it says where it listens. `args` come after those that every bridge gets. */
export async function startBridge(store, args = []) {
  const usual = ["--store", store, "--allow-origin", ORIGIN, "--token", TOKEN, "--read-only-token", READ_ONLY_TOKEN];
  const { server, url } = await serveBridge([...usual, ...args]);
  return {
    url,
    /** A client as applications make it, except that it does not repeat requests: that would hide a lost connection. */
    client: (options) => new Redis({ url, token: TOKEN, retry: { retries: 0 }, ...options }),
    log: () => server.output().stderr,
    deafen: () => server.deafen(),
    stop: () => server.stop(),
  };
}
