// Answers GET /users/:id from the memory of this isolate, otherwise from the bridge, otherwise from the origin.
// PUT /users/:id goes to the origin and removes the user from both caches.

import { env } from "cloudflare:workers";
import { HttpCache, MemoryCache } from "isocache";

// At module scope, so that all requests to this isolate share them.
const near = new MemoryCache({ maxEntries: 1000, ttl: "10s" });
const far = new HttpCache({
  url: env.BRIDGE_URL,
  token: env.BRIDGE_TOKEN,
  namespace: "shop",
  ttl: "5m",
  // A cache that is slower than the origin does not help.
  timeout: "250ms",
  retries: 0,
});

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
  const remembered = near.get(key);
  if (remembered !== undefined) {
    return answer(remembered, "memory");
  }
  // A failing bridge is a miss.
  const stored = await far.get(key).catch(warn);
  if (stored !== undefined) {
    near.set(key, stored);
    return answer(stored, "bridge");
  }
  const response = await fetch(`${env.ORIGIN}/users/${id}`);
  if (!response.ok) {
    return response;
  }
  const user = await response.json();
  near.set(key, user);
  // Continues after the response.
  ctx.waitUntil(far.set(key, user).catch(warn));
  return answer(user, "origin");
}

async function write(id, request) {
  const key = `user:${id}`;
  const { headers, body } = request;
  const response = await fetch(`${env.ORIGIN}/users/${id}`, { method: "PUT", headers, body });
  near.delete(key);
  // Before the response, so that its receiver reads the new value.
  await far.delete(key).catch(warn);
  return response;
}

function answer(user, from) {
  return Response.json(user, { headers: { "x-cache": from } });
}

function warn(error) {
  console.warn(error.message);
}
