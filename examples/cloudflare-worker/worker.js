// Answers GET /users/:id from the memory of this isolate, otherwise from the bridge, otherwise from the origin.
// PUT /users/:id goes to the origin and removes the user from the caches of all isolates.

import { env } from "cloudflare:workers";
import { HttpCache, TieredCache } from "isocache";

// At module scope, so that all requests to this isolate share them.
const bridge = new HttpCache({
  url: env.BRIDGE_URL,
  token: env.BRIDGE_TOKEN,
  namespace: "shop",
  ttl: "5m",
  // A cache that is slower than the origin does not help.
  timeout: env.BRIDGE_TIMEOUT,
  retries: 0,
});
// A worker cannot keep a stream of changes open. A read polls for them if the last answer is older than this.
const invalidations = { checkInterval: env.CHECK_INTERVAL };
const users = new TieredCache({ far: bridge, near: { maxEntries: 1000 }, invalidations });

export default {
  async fetch(request, _env, ctx) {
    const id = /^\/users\/(\d+)$/.exec(new URL(request.url).pathname)?.[1];
    if (id === undefined) {
      return new Response("not found\n", { status: 404 });
    }
    switch (request.method) {
      case "GET":
        return read(id, ctx);
      case "PUT":
        return write(id, request);
      default:
        return new Response("method not allowed\n", { status: 405, headers: { allow: "GET, PUT" } });
    }
  },
};

async function read(id, ctx) {
  const key = `user:${id}`;
  const found = users.get(key);
  if (!(found instanceof Promise)) {
    return answer(found, "memory");
  }
  // A failing bridge is a miss.
  const stored = await found.catch(warn);
  if (stored !== undefined) {
    return answer(stored, "bridge");
  }
  const response = await fetch(`${env.ORIGIN}/users/${id}`);
  if (!response.ok) {
    return response;
  }
  const user = await response.json();
  // Continues after the response.
  ctx.waitUntil(users.set(key, user).catch(warn));
  return answer(user, "origin");
}

async function write(id, request) {
  const { headers, body } = request;
  const response = await fetch(`${env.ORIGIN}/users/${id}`, { method: "PUT", headers, body });
  // Before the response, so that its receiver reads the new value.
  await users.delete(`user:${id}`).catch(warn);
  return response;
}

function answer(user, from) {
  return Response.json(user, { headers: { "x-cache": from } });
}

function warn(error) {
  console.warn(error.message);
}
