// The module that workerd runs. It starts the WebAssembly and passes requests to it.

import { env } from "cloudflare:workers";
import { initSync, Worker } from "./dist/isocache.js";
import module from "./dist/isocache_bg.wasm";

// At module scope, so that all requests to this isolate share the caches.
initSync({ module });
const worker = new Worker(env.BRIDGE_URL, env.BRIDGE_TOKEN, env.ORIGIN, Number(env.CHECK_SECONDS));

export default {
  fetch: (request, _env, ctx) => worker.fetch(request, ctx),
};
