// The stores that what is built on caches must work over: memory, a Cache, and a bridge over HTTP.

import { after, before } from "node:test";
import { Cache, HttpCache, MemoryCache } from "isocache";
import { startBridge } from "../http/support/servers.mjs";

/** Starts a bridge for the tests of this file. Returns functions that make empty stores, by what they are; `Http` is over HTTP. */
export function stores(Http = HttpCache) {
  let bridge;
  before(async () => {
    bridge = await startBridge();
  });
  after(() => bridge?.close());
  let spaces = 0;
  return {
    "in memory": (clock) => new MemoryCache({ clock }),
    "in a Cache": (clock) => new Cache({ provider: new MemoryCache({ clock }), namespace: "app" }),
    "over HTTP": () => new Http({ url: bridge.url, timeout: "5m", token: bridge.token, namespace: `store${spaces++}` }),
  };
}
