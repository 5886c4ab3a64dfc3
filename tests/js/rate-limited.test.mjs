// `rateLimited` and its headers: by the names and forms of draft-ietf-httpapi-ratelimit-headers-10, over a real HTTP server.

import assert from "node:assert/strict";
import { createServer } from "node:http";
import { after, before, test } from "node:test";
import { keys, MemoryCache, RateLimiter, rateLimited, rateLimitHeaders } from "isocache";

const answer = (more) => ({
  ...{ allowed: true, limit: 100, remaining: 50, resetAfter: 29_001, window: 60_000, error: undefined },
  ...more,
});

test("headers have the draft's names, and whole seconds, rounded up", () => {
  assert.deepEqual(rateLimitHeaders(answer({})), [
    ["RateLimit-Policy", '"default";q=100;w=60'],
    ["RateLimit", '"default";r=50;t=30'],
  ]);
  assert.deepEqual(rateLimitHeaders(answer({ allowed: false, remaining: 0, resetAfter: 1, window: 1 }), "log in"), [
    ["RateLimit-Policy", '"log in";q=100;w=1'],
    ["RateLimit", '"log in";r=0;t=1'],
    ["Retry-After", "1"],
  ]);
  assert.equal(rateLimitHeaders(answer({ resetAfter: 0 }))[1][1], '"default";r=50;t=0');
  assert.equal(rateLimitHeaders(answer({}), 'a"\\')[0][1], '"a\\"\\\\";q=100;w=60');
  // What the store has not said is not told.
  assert.deepEqual(rateLimitHeaders(answer({ error: new Error("down") })), [
    ["RateLimit-Policy", '"default";q=100;w=60'],
  ]);
  for (const policy of ["", "é", "a\nb", 7]) {
    assert.throws(() => rateLimitHeaders(answer({}), policy), /^TypeError: isocache: policy must be/, `${policy}`);
  }
});

let server;
let url;
let handle;
before(async () => {
  let now = 0;
  const clock = () => now;
  const limiter = RateLimiter.tokenBucket(new MemoryCache({ clock }), 2, "1m", { clock });
  handle = rateLimited(
    (request, extra) => {
      if (new URL(request.url).pathname === "/later") {
        now += 30_000;
      }
      return new Response(`hello ${extra}`, { headers: { "x-own": "1" } });
    },
    {
      limiter,
      key: (request) =>
        new URL(request.url).pathname === "/free" ? undefined : keys.rate({ ip: "10.0.0.7", endpoint: "/" }),
      policy: "api",
    },
  );
  server = createServer({ keepAliveTimeout: 0 }, async (incoming, outgoing) => {
    const response = await handle(new Request(`http://localhost${incoming.url}`), "you");
    outgoing.writeHead(response.status, Object.fromEntries(response.headers));
    outgoing.end(await response.text());
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  url = `http://127.0.0.1:${server.address().port}`;
});
after(() => server?.close());

test("requests over the limit get 429 with all three headers, over HTTP", async () => {
  const ask = async (path = "/") => {
    const { status, headers, text } = await fetch(url + path).then(async (response) => ({
      status: response.status,
      headers: response.headers,
      text: await response.text(),
    }));
    return [status, headers.get("ratelimit-policy"), headers.get("ratelimit"), headers.get("retry-after"), text];
  };
  assert.deepEqual(await ask(), [200, '"api";q=2;w=60', '"api";r=1;t=30', null, "hello you"]);
  assert.deepEqual(await ask(), [200, '"api";q=2;w=60', '"api";r=0;t=60', null, "hello you"]);
  assert.deepEqual(await ask(), [429, '"api";q=2;w=60', '"api";r=0;t=30', "30", "too many requests\n"]);
  assert.deepEqual(await ask("/free"), [200, null, null, null, "hello you"]);
});

test("a response whose headers cannot be changed is copied", async () => {
  const limiter = RateLimiter.fixedWindow(new MemoryCache(), 9, "1m");
  const handle = rateLimited(() => Response.redirect("http://localhost/there"), { limiter, key: () => "k" });
  const response = await handle(new Request("http://localhost/"));
  assert.equal(response.status, 302);
  assert.equal(response.headers.get("location"), "http://localhost/there");
  assert.match(response.headers.get("ratelimit"), /^"default";r=8;t=\d+$/);
});

test("when the store fails, the limiter's option decides", async () => {
  const error = new Error("down");
  const down = { increment: () => Promise.reject(error), getMany: () => Promise.reject(error) };
  const ask = (onStoreError) =>
    rateLimited(() => new Response("hello"), {
      limiter: RateLimiter.fixedWindow(down, 9, "1m", { onStoreError }),
      key: () => "k",
    })(new Request("http://localhost/"));
  await assert.rejects(ask("fail"), error);
  const allowed = await ask("allow");
  assert.deepEqual([allowed.status, allowed.headers.get("ratelimit")], [200, null]);
  const refused = await ask("refuse");
  assert.equal(refused.status, 503);
  assert.ok(Number(refused.headers.get("retry-after")) > 0);
});

test("costs, refusals and requests are as the options say", async () => {
  const limiter = RateLimiter.fixedWindow(new MemoryCache(), 5, "1m", { clock: () => 0 });
  const handle = rateLimited(() => new Response("hello"), {
    limiter,
    key: async (_, client) => client,
    cost: (request) => (request.method === "POST" ? 4 : 1),
    refuse: (request, { remaining }) =>
      Response.json({ error: `${request.method}, ${remaining} left` }, { status: 429 }),
  });
  const ask = (method, client) => handle(new Request("http://localhost/", { method }), client);
  assert.equal((await ask("POST", "a")).status, 200);
  const refused = await ask("POST", "a");
  assert.deepEqual([refused.status, await refused.json()], [429, { error: "POST, 0 left" }]);
  assert.equal((await ask("POST", "b")).status, 200);
  // A key that was forgotten is not a request without a limit.
  await assert.rejects(ask("GET", null), TypeError);
});

test("options are checked when the handler is made", () => {
  const limiter = RateLimiter.fixedWindow(new MemoryCache(), 5, "1m");
  const key = () => "k";
  const handler = () => new Response("hello");
  assert.throws(() => rateLimited("hello", { limiter, key }), /handler must be a function/);
  assert.throws(() => rateLimited(handler, { key }), /limiter must be/);
  assert.throws(() => rateLimited(handler, { limiter }), /key must be a function/);
  assert.throws(() => rateLimited(handler, { limiter, key, polcy: "a" }), /did you mean policy/);
  assert.throws(() => rateLimited(handler, { limiter, key, policy: "é" }), /policy must be/);
});
