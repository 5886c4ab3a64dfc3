// The stores, each a real server of its own: they restart on their port, without what they held.

import { fileURLToPath } from "node:url";
import { createClient } from "redis";
import { program } from "../../../tests/support/bridge.mjs";
import { freePort, start } from "../../../tests/support/processes.mjs";
import { eventually } from "../../../tests/support/waiting.mjs";

process.env.ISOCACHE_BIN ??= fileURLToPath(new URL("../../../target/release/isocache", import.meta.url));

const TOKEN = "token-of-the-benchmark-0123456789";

/** Redis by itself. `write` is somebody who writes past all caches. */
async function redis() {
  const port = await freePort();
  let server;
  const begin = async () => {
    const lines = ["bind 127.0.0.1", `port ${port}`, 'save ""', "appendonly no"];
    server = start("redis-server", ["-"], { stdin: `${lines.join("\n")}\n` });
    await server.said(/(Ready to accept connections)/);
  };
  await begin();
  const url = `redis://127.0.0.1:${port}`;
  const client = createClient({ url });
  // It connects again by itself.
  client.on("error", () => undefined);
  await client.connect();
  return {
    port,
    url,
    write: (key, value) => client.set(key, JSON.stringify(value)),
    flush: () => client.flushAll(),
    command: (words) => client.sendCommand(words),
    async restart() {
      await server.kill();
      await begin();
      await eventually("the writer to be connected", async () => (client.isReady ? true : undefined));
    },
    async close() {
      client.destroy();
      await server.kill();
    },
  };
}

async function startBridge(port, args) {
  const words = ["serve", "--token", TOKEN, "--listen", `127.0.0.1:${port}`, ...args];
  const server = start(program(), words);
  await server.said(/^isocache: listening on (http\S+)/);
  return server;
}

/** The bridge before its own store. */
async function embedded() {
  const port = await freePort();
  let server = await startBridge(port, []);
  const { HttpCache } = await import("isocache");
  const writer = new HttpCache({ url: `http://127.0.0.1:${port}`, token: TOKEN });
  return {
    port,
    token: TOKEN,
    write: (key, value) => writer.set(key, value),
    flush: () => writer.clear(),
    async restart() {
      await server.kill();
      server = await startBridge(port, []);
    },
    async close() {
      await writer.close();
      await server.kill();
    },
  };
}

/** The bridge before Redis, in which somebody writes past the bridge. */
async function bridged() {
  const behind = await redis();
  const port = await freePort();
  const server = await startBridge(port, ["--store", behind.url]);
  return {
    ...behind,
    port,
    token: TOKEN,
    async close() {
      await server.kill();
      await behind.close();
    },
  };
}

export const STORES = { Redis: redis, "bridge, own store": embedded, "bridge, Redis": bridged };
