// The module that workerd runs. It starts the WebAssembly and passes requests to it.

import { env } from "cloudflare:workers";
import { initSync, Worker } from "./dist/isocache.js";
import module from "./dist/isocache_bg.wasm";

// At module scope, so that all requests to this isolate share the caches.
initSync({ module });
const limits = [Number(env.BRIDGE_TIMEOUT_SECONDS), Number(env.CHECK_SECONDS)];
const worker = new Worker(env.BRIDGE_URL, env.BRIDGE_TOKEN, env.ORIGIN, ...limits);

export default {
  fetch: (request, _env, ctx) => worker.fetch(request, ctx),
};
