// The installed package in workerd, the runtime of Cloudflare Workers: raw, without any tool around it.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { build } from "esbuild";
import { send } from "../js/bridge/support/http.mjs";
import { start } from "../support/processes.mjs";
import { bin, EXPECTED, packed, USE } from "./support.mjs";

const WORKER = `
import * as isocache from "isocache";
import * as memory from "isocache/memory";
import * as wasm from "isocache/wasm";
${USE}
// Here the clock stands at 0, and timers and random numbers are forbidden.
const started = Date.now();
const early = new isocache.MemoryCache({ ttl: "1h" });
early.set("a", 1).set("b", 2, null);
const shared = new isocache.Cache({ ttl: "1h" });
const stored = shared.set("a", 3);

export default {
  async fetch(request) {
    await stored;
    return Response.json({
      use: await use(isocache, memory),
      engines: [isocache.MemoryCache.engine, wasm.MemoryCache.engine],
      started,
      running: Date.now() > 0,
      early: early.getMany(["a", "b"]),
      ttls: [early.ttl("a"), early.ttl("b")],
      shared: await shared.get("a"),
    });
  },
};
`;
const CONFIG = `
using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [ (name = "main", worker = .w) ],
  sockets = [ (name = "http", address = "127.0.0.1:0", http = (), service = "main") ]
);
const w :Workerd.Worker = (
  modules = [
    (name = "worker.mjs", esModule = embed "worker.mjs")
  ],
  compatibilityDate = "2026-01-01"
);
`;

describe("workerd", () => {
  let pack;
  let server;
  let url;
  let started;

  before(async () => {
    pack = await packed();
    const project = await pack.project("workerd", { "source.js": WORKER, "config.capnp": CONFIG });
    await build({
      ...{ absWorkingDir: project, entryPoints: ["source.js"], bundle: true, format: "esm", outfile: "worker.mjs" },
      conditions: ["workerd", "worker", "browser"],
    });
    server = start(bin("workerd"), ["serve", "config.capnp", "--control-fd=3"], { cwd: project, control: true });
    // It reports the port that it was given as a line of JSON.
    url = `http://127.0.0.1:${await server.said(/"port":(\d+)/, "control")}/`;
    started = performance.now();
  });

  after(async () => {
    await server?.kill();
    await pack?.remove();
  });

  const ask = async () => {
    // Over a connection of its own: workerd closes those that are idle.
    const { status, bytes, json } = await send({ url }, "/", { method: "GET", headers: {} });
    assert.equal(status, 200, `${bytes}\n${server.why()}`);
    return json;
  };

  /** An hour, less at most the time since workerd started. */
  const assertWholeLife = ([limited, endless]) => {
    assert.ok(limited <= 3600 && limited >= 3600 - (performance.now() - started) / 1000 - 1, `${limited}`);
    assert.equal(endless, null);
  };

  test("answers, and what was stored at module scope lives from the first request on", async () => {
    const first = await ask();
    assert.deepEqual(first.use, EXPECTED);
    // Both entries are one copy, which runs on WebAssembly where a program asks for it.
    assert.deepEqual(first.engines, ["wasm", "wasm"]);
    assert.deepEqual([first.started, first.running], [0, true]);
    assert.deepEqual([first.early, first.shared], [[1, 2], 3]);
    assertWholeLife(first.ttls);
  });

  test("goes on in the next request", async () => {
    const { early, shared, ttls } = await ask();
    assert.deepEqual([early, shared], [[1, 2], 3]);
    assertWholeLife(ttls);
  });
});
