/** A server that answers requests as soon as it has their head, and reads no body. */

import { createServer } from "node:net";

const CORS = "access-control-allow-origin: *\r\naccess-control-allow-headers: *, authorization\r\n";

/**
 * What it does, by the first folder of the path: `403-close` answers 403 and closes, `403-keep` says that the connection
 * stays open and never reads on, `403-reset` breaks the connection after the answer; `0-close` closes without an answer.
 */
export const EARLY = [401, 403, 413, 429, 503].flatMap((status) =>
  ["close", "keep", "reset"].map((how) => `${status}-${how}`),
);
EARLY.push("0-close", "0-reset");

/** What becomes of a write, by the status: the answer may be lost when the server closes before all is sent. */
export const OUTCOMES = {
  0: ["connection"],
  401: ["refused", "connection"],
  403: ["refused", "connection"],
  413: ["refused", "connection"],
  429: ["unavailable", "connection"],
  503: ["unavailable", "connection"],
};

export async function startEarly() {
  const sockets = new Set();
  const server = createServer((socket) => {
    sockets.add(socket);
    let head = "";
    socket.on("error", () => undefined);
    socket.on("close", () => sockets.delete(socket));
    const read = (chunk) => {
      head += chunk.toString("latin1");
      const end = head.indexOf("\r\n\r\n");
      if (end < 0) {
        return;
      }
      if (head.startsWith("OPTIONS")) {
        // A page of another origin asks first whether it may send this.
        head = head.slice(end + 4);
        socket.write(`HTTP/1.1 204 No Content\r\n${CORS}access-control-max-age: 600\r\n\r\n`);
        return;
      }
      socket.off("data", read);
      socket.pause();
      const [, status, how] = /^POST \/(\d+)-(\w+)\//.exec(head);
      const body = '{"error":"ERR no"}';
      const answer = `HTTP/1.1 ${status} No\r\n${CORS}content-type: application/json\r\nretry-after: 0\r\ncontent-length: ${body.length}\r\nconnection: ${how === "keep" ? "keep-alive" : "close"}\r\n\r\n${body}`;
      const close = () => (how === "reset" ? socket.resetAndDestroy() : how === "close" && socket.destroy());
      status === "0" ? close() : socket.write(answer, close);
    };
    socket.on("data", read);
  });
  await new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, "127.0.0.1", resolve);
  });
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    /** The connections that are open. A socket that is not read does not notice that its peer is gone: it is written to. */
    open() {
      for (const socket of sockets) {
        socket.resume();
      }
      return sockets.size;
    },
    close() {
      for (const socket of sockets) {
        socket.destroy();
      }
      return new Promise((resolve) => server.close(resolve));
    },
  };
}
