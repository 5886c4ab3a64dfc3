/** A static file server on a free loopback port. */

import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { extname, join, normalize, sep } from "node:path";

const TYPES = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".mjs": "text/javascript; charset=utf-8",
  ".json": "application/json",
  ".css": "text/css",
  ".wasm": "application/wasm",
  ".map": "application/json",
};

/**
 * Serves `pages`, by path: a text, or `{ body, headers, type }`; then the files of `folders`, by the first part of the path
 * (`""`: everything else).
 */
export async function serve({ pages = {}, folders = {} }) {
  const file = async (path) => {
    const name = Object.keys(folders).find((prefix) => path.startsWith(`/${prefix}`));
    if (name === undefined) {
      return undefined;
    }
    const within = normalize(path.slice(name.length + 1) || "index.html");
    if (within.startsWith(`..${sep}`)) {
      return undefined;
    }
    const body = await readFile(join(folders[name], within)).catch(() => undefined);
    return body && { body, type: TYPES[extname(within)] };
  };
  // A connection that is idle stays open: its client may be about to use it.
  const server = createServer({ keepAliveTimeout: 0 }, async (request, response) => {
    const path = decodeURIComponent(new URL(request.url, "http://localhost").pathname);
    const page = pages[path];
    const found = typeof page === "string" ? { body: page } : (page ?? (await file(path)));
    if (found === undefined) {
      response.writeHead(404).end();
      return;
    }
    const type = found.type ?? TYPES[extname(path)] ?? TYPES[".html"];
    response.writeHead(200, { "content-type": type, "cache-control": "no-store", ...found.headers }).end(found.body);
  });
  await new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, "127.0.0.1", resolve);
  });
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    close() {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(resolve));
    },
  };
}

/** A free port for a server that a test starts later. */
export { freePort as reserve } from "../../support/processes.mjs";
