// What only a configuration file turns on: a token in the query, and a path before every other.

import assert from "node:assert/strict";
import { test } from "node:test";
import { configured, PATIENT } from "../../support/bridge.mjs";
import { ORIGIN, TOKEN } from "./support/bridge.mjs";
import { send } from "./support/http.mjs";
import { onStores } from "./support/stores.mjs";

const config = (text) => ({ args: configured(`${PATIENT}${text}`) });

onStores(
  ["memory"],
  (its) => {
    const inQuery = `_token=${encodeURIComponent(TOKEN)}`;

    test("a token in the query, if that is allowed", async () => {
      const plain = await send(its.bridge, `/set/k/v?EX=1000&${inQuery}`, { method: "GET", headers: {} });
      assert.deepEqual(plain.json, { result: "OK" });
      const json = await send(its.bridge, `/?${inQuery}`, { headers: {}, body: '["GET","k"]' });
      assert.deepEqual(json.json, { result: "v" });
      const pipeline = await send(its.bridge, `/pipeline?${inQuery}`, { headers: {}, body: '[["TTL","k"]]' });
      assert.ok(pipeline.json[0].result > 900);
    });

    test("a token in the query does not make up for a wrong header", async () => {
      for (const authorization of ["Bearer wrong", "Basic x", "Bearer", ""]) {
        const { status } = await send(its.bridge, `/set/k/v?${inQuery}`, { headers: { authorization } });
        assert.equal(status, 401, authorization);
      }
      assert.equal((await send(its.bridge, "/set/k/v?_token=wrong", { headers: {} })).status, 401);
      assert.equal((await send(its.bridge, "/set/k/v?_token=", { headers: {} })).status, 401);
      assert.equal(await its.redis.get("k"), null);
    });

    test("a page of another site is refused", async () => {
      for (const headers of [
        { origin: "https://evil.example" },
        { origin: "null" },
        { "sec-fetch-site": "cross-site" },
      ]) {
        const { status } = await send(its.bridge, `/set/k/v?${inQuery}`, { headers });
        assert.equal(status, 403, JSON.stringify(headers));
      }
      assert.equal(await its.redis.get("k"), null);
      assert.equal((await send(its.bridge, `/set/k/v?${inQuery}`, { headers: { origin: ORIGIN } })).status, 200);
    });
  },
  config("[listen]\nquery-token = true\n"),
);

onStores(
  ["memory"],
  (its) => {
    test("a client whose URL has a path", async () => {
      const redis = its.bridge.client({ url: `${its.bridge.url}/some/cache` });
      assert.equal(await redis.set("k", 1), "OK");
      assert.deepEqual(await redis.pipeline().incr("k").get("k").exec(), [2, 2]);
      assert.deepEqual(await redis.multi().get("k").exec(), [2]);
      assert.equal(await redis.exec(["GET", "k"]), 2);
      assert.equal((await send(its.bridge, "/some/cache/get/k")).json.result, "2");
    });
  },
  config('[listen]\nbase-path = "/some/cache"\n'),
);
