/** The bridges that tests of the HTTP client use. */

import { serveBridge } from "../../../support/bridge.mjs";

export const TOKEN = "token-of-the-tests-0123456789";

/** Starts a bridge with one token; `args` go to `isocache serve`. `close` ends it without notice. */
export async function startBridge(...args) {
  const { server, url } = await serveBridge(["--token", TOKEN, ...args]);
  return { url, token: TOKEN, pid: server.pid, close: () => server.kill() };
}

/** Starts a bridge that needs no token. */
export async function startOpenBridge() {
  const { ISOCACHE_TOKEN: _, ...env } = process.env;
  const { server, url } = await serveBridge([], { env });
  return { url, close: () => server.kill() };
}
