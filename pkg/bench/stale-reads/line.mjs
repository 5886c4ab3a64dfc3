// A line between a client and its store that can be delayed, cut, and fall silent without either end noticing.

import { connect, createServer } from "node:net";

/**
 * A line to a port of this machine. `random` returns numbers from 0 to below 1. What is sent on one connection arrives in order;
 * connections do not wait for each other.
 */
export async function startLine(port, random) {
  const pairs = new Set();
  let state = "open";
  let jitter = 0;
  const server = createServer((near) => {
    near.on("error", () => undefined);
    if (state === "cut") {
      near.destroy();
      return;
    }
    const far = connect(port, "127.0.0.1");
    const pair = { near, far, hasLost: false };
    pairs.add(pair);
    const end = () => {
      pairs.delete(pair);
      near.destroy();
      far.destroy();
    };
    carry(pair, near, far, end);
    carry(pair, far, near, end);
  });

  function carry(pair, from, to, end) {
    let due = 0;
    from.on("data", (chunk) => {
      if (state === "silent" || pair.hasLost) {
        // A connection that has lost something has lost everything after it.
        pair.hasLost = true;
        return;
      }
      const now = performance.now();
      due = Math.max(due, now + random() * jitter);
      if (due <= now) {
        to.write(chunk);
      } else {
        setTimeout(() => pair.hasLost || to.write(chunk), due - now);
      }
    });
    from.on("error", end);
    from.on("close", end);
  }

  const close = (some) => {
    for (const { near, far } of [...pairs].filter(some)) {
      near.destroy();
      far.destroy();
    }
  };
  await new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, "127.0.0.1", resolve);
  });
  return {
    port: server.address().port,
    /** What is sent arrives up to so many milliseconds later. */
    delay(milliseconds) {
      jitter = milliseconds;
    },
    /** Ends all connections, and takes no others. */
    cut() {
      state = "cut";
      close(() => true);
    },
    /** Nothing arrives any more, and nobody is told. */
    silence() {
      state = "silent";
    },
    /** All is well again. Connections that have lost something end. */
    restore() {
      state = "open";
      jitter = 0;
      close(({ hasLost }) => hasLost);
    },
    close() {
      close(() => true);
      return new Promise((resolve) => server.close(resolve));
    },
  };
}
