// The module that workerd runs: it starts the wasm and hands requests to it.

import { env } from "cloudflare:workers";
import { initSync, Worker } from "./dist/isocache.js";
import module from "./dist/isocache_bg.wasm";

// At module scope, so that all requests to this isolate share the caches. That needs no clock, timer or randomness.
initSync({ module });
const worker = new Worker(env.BRIDGE_URL, env.BRIDGE_TOKEN, env.ORIGIN);

export default {
  fetch: (request, _env, ctx) => worker.fetch(request, ctx),
};
