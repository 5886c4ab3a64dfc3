// What browsers ask before, and what they look for in an answer.

import assert from "node:assert/strict";
import { test } from "node:test";
import { ORIGIN } from "./support/bridge.mjs";
import { AUTHORIZED, send, sendJson } from "./support/http.mjs";
import { onStores } from "./support/stores.mjs";

const HEADERS = [
  "authorization",
  "content-type",
  "upstash-encoding",
  "upstash-sync-token",
  "upstash-telemetry-sdk",
  "upstash-telemetry-platform",
  "upstash-telemetry-runtime",
  "upstash-response-format",
];
const STRANGERS = [
  "https://evil.example",
  "http://app.example",
  "https://app.example:8443",
  "https://app.example.evil.example",
  "https://xapp.example",
  "https://APP.example",
  "null",
  "*",
];

const words = (header) => (header ?? "").toLowerCase().split(/\s*,\s*/);

onStores(["memory"], (its) => {
  const preflight = (origin, path = "/pipeline") =>
    send(its.bridge, path, {
      method: "OPTIONS",
      headers: {
        ...(origin && { origin }),
        "access-control-request-method": "POST",
        "access-control-request-headers": HEADERS.join(","),
      },
    });

  test("preflight requests of an allowed origin need no token", async () => {
    for (const path of ["/", "/pipeline", "/multi-exec", "/get/k", "/subscribe/c"]) {
      const { status, headers, bytes } = await preflight(ORIGIN, path);
      assert.ok(status === 204 || status === 200, String(status));
      assert.equal(bytes.length, 0);
      assert.equal(headers["access-control-allow-origin"], ORIGIN);
      assert.ok(words(headers.vary).includes("origin"));
      assert.deepEqual(words(headers["access-control-allow-methods"]).sort(), ["get", "head", "post", "put"]);
      const allowed = words(headers["access-control-allow-headers"]);
      assert.deepEqual(
        HEADERS.filter((name) => !allowed.includes(name)),
        [],
      );
      assert.ok(Number(headers["access-control-max-age"]) >= 3600);
      assert.equal(headers["access-control-allow-credentials"], undefined);
    }
  });

  test("a page of another origin is refused", async () => {
    for (const origin of [...STRANGERS, undefined]) {
      const { headers } = await preflight(origin);
      for (const name of Object.keys(headers)) {
        assert.ok(!name.startsWith("access-control-"), `${origin}: ${name}`);
      }
    }
  });

  test("a page of an allowed origin may read responses and their sync token", async () => {
    const headers = { origin: ORIGIN };
    const answers = [
      await sendJson(its.bridge, "/pipeline", [["SET", "k", "v"]], { headers }),
      await send(its.bridge, "/get/k", { method: "GET", headers: { ...AUTHORIZED, ...headers } }),
      await sendJson(its.bridge, "/", ["NOSUCH"], { headers }),
      await send(its.bridge, "/get/k", { headers }),
      await send(its.bridge, "/get/k", { method: "DELETE", headers: { ...AUTHORIZED, ...headers } }),
    ];
    assert.deepEqual(
      answers.map(({ status }) => status),
      [200, 200, 400, 401, 405],
    );
    for (const answer of answers) {
      assert.equal(answer.headers["access-control-allow-origin"], ORIGIN, String(answer.status));
      assert.ok(words(answer.headers["access-control-expose-headers"]).includes("upstash-sync-token"));
      assert.ok(words(answer.headers.vary).includes("origin"));
      assert.equal(answer.headers["access-control-allow-credentials"], undefined);
      assert.equal(answer.headers["cache-control"], "no-store");
    }
  });

  test("a page of another origin cannot read responses", async () => {
    for (const origin of STRANGERS) {
      const answer = await send(its.bridge, "/get/k", { headers: { ...AUTHORIZED, origin } });
      assert.equal(answer.headers["access-control-allow-origin"], undefined, origin);
      assert.ok(words(answer.headers.vary).includes("origin"), "no cache may give it to an allowed page");
    }
  });

  test("a host name that resolves to loopback is refused", async () => {
    for (const host of ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example:80"]) {
      const { status } = await send(its.bridge, "/get/k", { headers: { ...AUTHORIZED, host } });
      assert.ok(status >= 400, `${host}: ${status}`);
    }
  });
});
