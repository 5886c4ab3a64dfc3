// The application's own server: the page, and a short-lived token for the user who is signed in.

import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { HttpCache } from "isocache/http";

const { BRIDGE_URL = "http://127.0.0.1:8079", PORT = "3000", ISOCACHE_BIN = "isocache" } = process.env;
const CONFIG = process.env.ISOCACHE_CONFIG ?? fileURLToPath(new URL("isocache.toml", import.meta.url));
const ORIGIN = `http://127.0.0.1:${PORT}`;
const PACKAGE = new URL(".", import.meta.resolve("isocache/http"));

/** The user who is signed in. Take it from the session of the request, never from its parameters. */
const userOf = (_request) => "42";

/** A token that permits reading the keys of one user. The `:` at the end excludes user 421. */
async function signToken(user) {
  const rights = ["--prefix", `user:${user}:`, "--role", "ro", "--ttl", "1h", "--origin", ORIGIN];
  const { stdout } = await promisify(execFile)(ISOCACHE_BIN, ["token", "sign", "--config", CONFIG, ...rights]);
  return stdout.trim();
}

const html = (body) => ({ type: "text/html; charset=utf-8", body });
const script = (body) => ({ type: "text/javascript; charset=utf-8", body });
const here = (name) => readFile(new URL(name, import.meta.url));

async function respond(request) {
  const route = `${request.method} ${request.url}`;
  const [, module] = /^GET \/isocache\/([\w-]+\.js)$/.exec(route) ?? [];
  if (module !== undefined) {
    return script(await readFile(new URL(module, PACKAGE)));
  }
  switch (route) {
    case "GET /":
      return html((await here("index.html")).toString().replace("BRIDGE_URL", BRIDGE_URL));
    case "GET /app.js":
      return script(await here("app.js"));
    case "POST /token":
      return { type: "text/plain", body: await signToken(userOf(request)) };
    default:
      return undefined;
  }
}

const POLICY = "default-src 'none'; script-src 'self'; style-src 'unsafe-inline'; img-src data:";
const HEADERS = {
  "cache-control": "no-store",
  "content-security-policy": `${POLICY}; connect-src 'self' ${BRIDGE_URL}`,
};

const server = createServer(async (request, response) => {
  try {
    const found = await respond(request);
    response.writeHead(found ? 200 : 404, { ...HEADERS, "content-type": found?.type ?? "text/plain" });
    response.end(found?.body ?? "not found\n");
  } catch (error) {
    console.warn(error.message);
    response.writeHead(500, HEADERS).end("something went wrong\n");
  }
});

// Some entries to read. The page of user 42 sees the first two. Nobody waits for them yet, so the bridge may take its time.
const cache = new HttpCache({ url: BRIDGE_URL, token: process.env.ISOCACHE_SERVER_TOKEN, timeout: "1m" });
await cache.setMany([
  { key: "user:42:profile", value: { name: "Ada" } },
  { key: "user:42:cart", value: ["tea", "milk"] },
  { key: "user:4:profile", value: { name: "Grace" } },
]);
server.listen(Number(PORT), "127.0.0.1", () => {
  process.stdout.write(`the page is at ${ORIGIN}/\n`);
});
