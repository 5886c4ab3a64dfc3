/** A bridge whose streams stay good, and a line to it that can be cut, and can fall silent without anybody noticing. */

import { connect, createServer } from "node:net";
import { configured, PATIENT } from "../../support/bridge.mjs";

/** How long a stream is good after a heartbeat of such a bridge, in milliseconds: out of the reach of a slow machine. */
export const VALID_FOR = 2 * 3_600_000;

/** The arguments of `isocache serve` for such a bridge; `more` goes into its configuration file. */
export function calm(more = "", heartbeat = `${VALID_FOR / 2}ms`) {
  return configured(`${PATIENT}[invalidations]\nheartbeat = "${heartbeat}"\n${more}`);
}

export async function startLine(url) {
  const { hostname, port } = new URL(url);
  const pairs = new Set();
  let isSilent = false;
  let isDown = false;
  const server = createServer((near) => {
    if (isDown) {
      near.destroy();
      return;
    }
    const far = connect(Number(port), hostname);
    const pair = { near, far };
    pairs.add(pair);
    const end = () => {
      pairs.delete(pair);
      near.destroy();
      far.destroy();
    };
    for (const [from, to] of [
      [near, far],
      [far, near],
    ]) {
      from.on("data", (chunk) => isSilent || to.write(chunk));
      from.on("error", end);
      from.on("close", end);
    }
  });
  await new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, "127.0.0.1", resolve);
  });
  const cut = () => {
    for (const { near, far } of pairs) {
      near.destroy();
      far.destroy();
    }
  };
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    cut,
    /** Cuts it, and lets nobody connect until it is called with false. */
    sever(down = true) {
      isDown = down;
      cut();
    },
    /** Nothing passes any more, until it is called with false. What was sent meanwhile is lost. */
    silence(silent = true) {
      isSilent = silent;
    },
    close() {
      cut();
      return new Promise((resolve) => server.close(resolve));
    },
  };
}
