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
 * | `POST /script/<id>/<act>,<act>,…/*` | does the acts in their order, one a request, and then the last one for ever |
 * | `GET /asked/<id>` | as JSON, how often that script was asked, how many of its answers are still open, and the last token |
 */

import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { closeSync, existsSync, openSync, readFileSync, writeFileSync, writeSync } from "node:fs";
import { createServer } from "node:http";
import { join, resolve } from "node:path";
import { pipeline, Readable } from "node:stream";
import { fileURLToPath } from "node:url";
import { eventually, freePort, start, temporaryFolder } from "../bridge/js/support/processes.mjs";

/** The longest time that the command may take, in milliseconds. */
const LIMIT = 15 * 60_000;
const TOKEN = "a-token-of-the-tests";
const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const PROGRAM = process.env.ISOCACHE_BIN ?? resolve(ROOT, process.env.CARGO_TARGET_DIR ?? "target", "debug/isocache");
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
const server = createServer((request, response) => {
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
// A group of its own, so that what the command has started, a browser for example, ends with it.
const child = spawn(command, args, { env, stdio: "inherit", detached: true });
const stop = () => {
  try {
    process.kill(-child.pid, "SIGKILL");
  } catch {
    // It has ended.
  }
};
setTimeout(stop, LIMIT).unref();
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) {
  process.on(signal, stop);
}
const code = await new Promise((ended) => {
  child.on("error", () => ended(127)).on("exit", (status) => ended(status ?? 1));
});
stop();
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
  const source = fileURLToPath(new URL("clock.c", import.meta.url));
  const compiled = spawnSync("cc", ["-O1", "-shared", "-fPIC", "-o", library, source], { encoding: "utf8" });
  if (compiled.status !== 0) {
    throw new Error(`clock.c does not compile: ${compiled.error ?? compiled.stderr}`);
  }
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

async function startBridge() {
  if (!existsSync(PROGRAM)) {
    throw new Error(`no bridge at ${PROGRAM}: \`make bridge\` builds it`);
  }
  const options = [
    "--listen",
    "127.0.0.1:0",
    "--store",
    "memory",
    "--token",
    TOKEN,
    "--allow-origin",
    `http://${page}`,
  ];
  const server = start("env", [...clock.env, PROGRAM, "serve", ...options]);
  const url = await eventually("the bridge to listen or to end", () => {
    if (server.hasEnded()) {
      throw new Error(`the bridge does not start:\n${server.why()}`);
    }
    return /^isocache: listening on (\S+)$/m.exec(server.output().stdout)?.[1];
  });
  return { url, server };
}
