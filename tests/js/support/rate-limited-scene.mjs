// A handler behind a limiter, in any runtime.

import { keys, MemoryCache, RateLimiter, rateLimited } from "isocache";

let handle;

export async function answers() {
  handle ??= rateLimited(() => new Response("hello"), {
    limiter: RateLimiter.tokenBucket(new MemoryCache(), 2, "1h", { clock: () => 1_000_000 }),
    key: (request) => keys.rate({ ip: request.headers.get("x-real-ip"), endpoint: "/" }),
  });
  const all = [];
  for (let at = 0; at < 3; at++) {
    const response = await handle(new Request("http://localhost/", { headers: { "x-real-ip": "10.0.0.7" } }));
    const of = (name) => response.headers.get(name);
    all.push([response.status, of("ratelimit-policy"), of("ratelimit"), of("retry-after"), await response.text()]);
  }
  return all;
}
