// Serves the page on the loopback interface: `/` is this folder, `/isocache/` is the built package.

import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import { fileURLToPath } from "node:url";
import sirv from "sirv";

const HOST = "127.0.0.1";
const PREFERRED = 4280;

const www = fileURLToPath(new URL(".", import.meta.url));
const dist = fileURLToPath(new URL("../pkg/dist/", import.meta.url));

function fail(sentence) {
  process.stderr.write(`isocache demo: ${sentence}\n`);
  process.exit(1);
}

/** The policy that the page runs under. An import map has to be inline, so it is allowed by its hash. */
function contentSecurityPolicy() {
  const html = readFileSync(`${www}index.html`, "utf8");
  const hashes = [...html.matchAll(/<script[^>]*>([^<]+)<\/script>/g)].map(
    ([, text]) => `'sha256-${createHash("sha256").update(text).digest("base64")}'`,
  );
  return [
    "default-src 'self'",
    `script-src 'self' 'wasm-unsafe-eval' ${hashes.join(" ")}`,
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join("; ");
}

// `dev` reads the files at each request, so that a rebuilt package is served without a restart.
const page = sirv(www, { dev: true });
const built = sirv(dist, { dev: true });

function handle(request, response) {
  response.setHeader("Content-Security-Policy", contentSecurityPolicy());
  response.setHeader("X-Content-Type-Options", "nosniff");
  const notFound = () => response.writeHead(404, { "Content-Type": "text/plain" }).end("not found\n");
  if (request.url.startsWith("/isocache/")) {
    request.url = request.url.slice("/isocache".length);
    built(request, response, notFound);
  } else {
    page(request, response, notFound);
  }
}

function listen(port) {
  return new Promise((resolve, reject) => {
    const server = createServer(handle);
    server.once("error", reject);
    server.listen(port, HOST, () => resolve(server.address().port));
  });
}

const wanted = process.env.PORT;
if (wanted !== undefined && !(/^\d+$/.test(wanted) && Number(wanted) <= 65535)) {
  fail(`PORT must be a number from 0 to 65535, not "${wanted}"`);
}
if (!existsSync(`${dist}index.js`)) {
  fail("the package is not built: pkg/dist/index.js is missing. Run `make build` first.");
}

let port;
try {
  port = await listen(wanted === undefined ? PREFERRED : Number(wanted));
} catch (error) {
  if (error.code !== "EADDRINUSE" || wanted !== undefined) {
    fail(`cannot listen on ${HOST}:${wanted ?? PREFERRED}: ${error.message}`);
  }
  port = await listen(0);
}
process.stdout.write(`isocache demo: http://${HOST}:${port}/\n`);
