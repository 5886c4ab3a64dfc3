/** A line to a server that can be cut, and can fall silent without anybody noticing. */

import { connect, createServer } from "node:net";

export async function startLine(url) {
  const { hostname, port } = new URL(url);
  const pairs = new Set();
  let isSilent = false;
  const server = createServer((near) => {
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
