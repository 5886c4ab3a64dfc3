/** Real servers of Redis on loopback ports: one, or a cluster of three primaries. */

import { spawnSync } from "node:child_process";
import { connect } from "node:net";
import { basename } from "node:path";
import { freePort, start, temporaryFolder } from "./processes.mjs";
import { eventually, LIMIT } from "./waiting.mjs";

const SLOTS = 16_384;

/** Starts one server that writes nothing to disk. `command` and `cli` ask it directly; `cli` returns the text of redis-cli. */
export async function startRedis(config = []) {
  // A program that is none of these tests may take the port between the search and the start.
  for (let tries = 0; tries < 5; tries++) {
    const port = await freePort();
    const folder = temporaryFolder();
    const lines = ["bind 127.0.0.1", `port ${port}`, 'save ""', `dir ${folder}`, ...config];
    const server = start("redis-server", ["-"], { stdin: `${lines.join("\n")}\n` });
    const listens = await eventually("redis-server to listen or to end", async () => {
      if (server.hasEnded()) {
        return false;
      }
      // Another server on this port has another folder. Then this one is about to end.
      const answer = await command(port, ["CONFIG", "GET", "dir"]).catch(() => undefined);
      return answer?.includes(basename(folder)) ? true : undefined;
    });
    if (listens) {
      return {
        port,
        url: `redis://127.0.0.1:${port}`,
        command: (...args) => command(port, args),
        cli(...words) {
          const options = { encoding: "utf8", timeout: LIMIT };
          return spawnSync("redis-cli", ["-p", `${port}`, ...words], options).stdout.trimEnd();
        },
        stop: () => server.stop(),
        close: () => server.kill(),
      };
    }
    if (tries === 4) {
      throw new Error(`redis-server does not start (on Debian: apt-get install redis-server)\n${server.why()}`);
    }
  }
}

/** Starts three primaries that share the slots. None counts as failed if it is slow. */
export async function startCluster() {
  const config = ["cluster-enabled yes", "cluster-node-timeout 600000", "appendonly no"];
  const nodes = [];
  try {
    for (let index = 0; index < 3; index++) {
      nodes.push(await startRedis(config));
    }
    for (const [index, node] of nodes.entries()) {
      const [first, end] = [index, index + 1].map((part) => Math.floor((SLOTS * part) / 3));
      await expectOk(node.command("CLUSTER", "SET-CONFIG-EPOCH", String(index + 1)));
      await expectOk(node.command("CLUSTER", "ADDSLOTSRANGE", String(first), String(end - 1)));
    }
    for (const node of nodes.slice(1)) {
      await expectOk(nodes[0].command("CLUSTER", "MEET", "127.0.0.1", String(node.port)));
    }
    for (const node of nodes) {
      await eventually("the cluster to serve", async () => {
        const info = await node.command("CLUSTER", "INFO");
        return (info.includes("cluster_state:ok") && info.includes("cluster_known_nodes:3")) || undefined;
      });
    }
  } catch (error) {
    await Promise.all(nodes.map((node) => node.stop()));
    throw error;
  }
  return {
    nodes,
    url: `redis-cluster://${nodes.map(({ port }) => `127.0.0.1:${port}`).join(",")}`,
    stop: () => Promise.all(nodes.map((node) => node.stop())),
  };
}

async function expectOk(answer) {
  const text = await answer;
  if (!text.startsWith("+OK")) {
    throw new Error(`Redis answered ${text}`);
  }
}

/** The raw reply to one command, each byte a character. */
function command(port, args) {
  return new Promise((resolve, reject) => {
    const socket = connect(port, "127.0.0.1");
    let reply = "";
    socket.setEncoding("latin1").on("data", (text) => {
      reply += text;
    });
    socket.setTimeout(LIMIT, () => socket.destroy(new Error(`no reply to ${args[0]}`)));
    socket.on("error", reject).on("end", () => resolve(reply.replace(/\+OK\r\n$/, "")));
    const bulk = (arg) => `$${Buffer.byteLength(arg)}\r\n${arg}\r\n`;
    // QUIT, whose answer is taken off again, tells where the reply ends.
    socket.end(`*${args.length}\r\n${args.map(bulk).join("")}*1\r\n$4\r\nQUIT\r\n`);
  });
}
