/**
 * Runs a command beside the servers that the tests in WebAssembly ask, and ends as it ends:
 * `node tests/servers/for-wasm.mjs wasm-pack test …`. The tests are told of them by ISOCACHE_TEST_SERVERS, the URL of this
 * server, which they are compiled with:
 *
 * | request | answer |
 * |---|---|
 * | `GET /bridge` | URL and token of a bridge over the embedded store, as JSON |
 * | `POST /clock/<ms>` | sets the wall clock of that bridge |
 * | `GET /closed` | a URL where nobody listens |
 * | `GET /package` | the URL of the npm package's main file, as a file where the tests are in Node, else below `/dist/` |
 * | `GET /dist/<file>` | a file of the npm package |
 * | `POST /script/<id>/<act>,<act>,…/*` | does the acts in order, one per request, and then repeats the last one |
 * | `GET /asked/<id>` | as JSON, how often that script was asked, how many of its answers are still open, and the last token |
 */

import { once } from "node:events";
import { closeSync, openSync, readFileSync, writeFileSync, writeSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import { pipeline, Readable } from "node:stream";
import { fileURLToPath } from "node:url";
import { serveBridge } from "../support/bridge.mjs";
import { freePort, run, start, temporaryFolder } from "../support/processes.mjs";

/** How long the command may take before it counts as a hang, in milliseconds: it compiles and runs all tests. */
const LIMIT = 60 * 60_000;
const TOKEN = "a-token-of-the-tests";
const DIST = new URL("../../pkg/dist/", import.meta.url);
const JSON_TYPE = { "content-type": "application/json" };

/** What a script may do with a response. */
const ACTS = {
  ok: (response) => response.writeHead(200, JSON_TYPE).end('[{"result":"OK"}]'),
  one: (response) => response.writeHead(200, JSON_TYPE).end('[{"result":1}]'),
  nothing: (response) => response.writeHead(200, JSON_TYPE).end('[{"result":null}]'),
  html: (response) => response.writeHead(200, { "content-type": "text/html" }).end("<html>\u0007It works!</html>"),
  half: (response) => response.writeHead(200, JSON_TYPE).end('[{"result":"dmFs'),
  object: (response) => response.writeHead(200, JSON_TYPE).end('[{"result":{"a":1}}]'),
  redirect: (response) => response.writeHead(307, { location: "/script/elsewhere/ok/" }).end(),
  failing: (response) => response.writeHead(500, JSON_TYPE).end('{"error":"ERR failed"}'),
  "come-later": (response) =>
    response.writeHead(503, { ...JSON_TYPE, "retry-after": "3600" }).end('{"error":"ERR away"}'),
  "too-many": (response) => response.writeHead(429, { ...JSON_TYPE, "retry-after": "0" }).end('{"error":"ERR rate"}'),
  refused: (response) => response.writeHead(401, JSON_TYPE).end('{"error":"WRONGPASS invalid or missing auth token"}'),
  cut: (response) => response.destroy(),
  "cut-body"(response) {
    response.writeHead(200, { ...JSON_TYPE, "content-length": "100" });
    response.write("[{", () => response.destroy());
  },
  stall() {},
  "stall-body": (response) => response.writeHead(200, { ...JSON_TYPE, "content-length": "100" }).write("[{"),
  endless(response) {
    const part = Buffer.alloc(64 * 1024, " ");
    const parts = function* () {
      for (;;) {
        yield part;
      }
    };
    // It ends with the connection.
    pipeline(Readable.from(parts()), response.writeHead(200, JSON_TYPE), () => {});
  },
};

const folder = temporaryFolder();
const clock = await startClock();
const page = `127.0.0.1:${await freePort()}`;
const bridge = await startBridge();
const scripts = new Map();
// It closes no idle connection, on which a client may be sending its next request.
const server = createServer({ keepAliveTimeout: 0 }, (request, response) => {
  request.resume().on("end", () => answer(request, response));
});
server.listen(0, "127.0.0.1");
await once(server, "listening");

const [command, ...args] = process.argv.slice(2);
const env = {
  ...process.env,
  ISOCACHE_TEST_SERVERS: `http://127.0.0.1:${server.address().port}`,
  // Where the page of the tests stands: the bridge allows this origin.
  WASM_BINDGEN_TEST_ADDRESS: page,
};
// It has a process group of its own, so that what it starts, a browser for example, ends with it.
const child = start(command, args, { env, shown: true });
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) {
  process.on(signal, () => child.kill());
}
let code = 1;
try {
  code = (await child.ended(LIMIT)) ?? (child.pid === undefined ? 127 : 1);
} catch (error) {
  process.stderr.write(`isocache: ${error.message}\n`);
}
await child.kill();
await bridge.server.stop();
// The connections of scripts that stall are still open.
process.exit(code);

function answer({ method, url, headers }, response) {
  response.setHeader("access-control-allow-origin", headers.origin ?? "*");
  response.setHeader("access-control-expose-headers", "retry-after, isocache-extensions");
  if (method === "OPTIONS") {
    const allowed = { "access-control-allow-headers": "authorization, content-type, upstash-encoding" };
    response.writeHead(204, { ...allowed, "access-control-allow-methods": "POST" }).end();
    return;
  }
  const [what, id, acts] = url.slice(1).split("/");
  if (what === "script") {
    perform(id, acts, headers.authorization, response);
  } else if (what === "asked") {
    const { times = 0, open = 0, token } = scripts.get(id) ?? {};
    response.writeHead(200, JSON_TYPE).end(JSON.stringify({ times, open, token }));
  } else if (what === "bridge") {
    response.writeHead(200, JSON_TYPE).end(JSON.stringify({ url: bridge.url, token: TOKEN }));
  } else if (what === "closed") {
    freePort().then((port) => response.end(`http://127.0.0.1:${port}`));
  } else if (what === "package") {
    response.end(headers.origin === undefined ? `${DIST}index.js` : `http://${headers.host}/dist/index.js`);
  } else if (what === "dist") {
    const type = id.endsWith(".wasm") ? "application/wasm" : "text/javascript";
    response.writeHead(200, { "content-type": type }).end(readFileSync(new URL(id, DIST)));
  } else if (what === "clock") {
    clock.set(BigInt(id));
    response.end();
  } else {
    response.writeHead(404).end();
  }
}

function perform(id, acts, token, response) {
  const script = scripts.get(id) ?? { times: 0, open: 0, token: undefined, acts: acts.split(",") };
  scripts.set(id, script);
  script.times++;
  script.open++;
  script.token = token;
  response.on("close", () => {
    script.open--;
  });
  const act = script.acts.length > 1 ? script.acts.shift() : script.acts[0];
  ACTS[act](response);
}

/** The wall clock of the bridge: the real time until it is set. See clock.c. */
async function startClock() {
  const [library, file] = [join(folder, "clock.so"), join(folder, "now")];
  const source = fileURLToPath(new URL("src/clock.c", import.meta.url));
  await run("cc", ["-O1", "-shared", "-fPIC", "-o", library, source]);
  writeFileSync(file, Buffer.alloc(8));
  return {
    env: [`LD_PRELOAD=${library}`, `ISOCACHE_TEST_CLOCK=${file}`],
    set(ms) {
      const now = Buffer.alloc(8);
      now.writeBigInt64LE(ms);
      // Eight bytes in one write, into memory that the bridge has mapped.
      const opened = openSync(file, "r+");
      writeSync(opened, now, 0, 8, 0);
      closeSync(opened);
    },
  };
}

function startBridge() {
  const options = ["--store", "memory", "--token", TOKEN, "--allow-origin", `http://${page}`];
  return serveBridge(options, { wrapper: ["env", ...clock.env] });
}
