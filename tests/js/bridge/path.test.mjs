// Commands as paths, which no client of the service sends.

import assert from "node:assert/strict";
import { test } from "node:test";
import { AUTHORIZED, segment, send } from "./support/http.mjs";
import { onStores } from "./support/stores.mjs";
import { ODD_KEYS, TEXTS } from "./support/values.mjs";

onStores(["memory", "redis"], (its) => {
  const ask = (path, options) => send(its.bridge, path, options);
  const result = async (path, options) => {
    const { status, json } = await ask(path, options);
    assert.equal(status, 200, `${path}: ${JSON.stringify(json)}`);
    return json.result;
  };
  const error = async (path, options) => {
    const { status, json } = await ask(path, options);
    assert.deepEqual([status, Object.keys(json)], [400, ["error"]], path);
    return json.error;
  };

  test("every method", async () => {
    for (const method of ["GET", "POST", "PUT"]) {
      assert.equal(await result(`/set/k/${method}`, { method }), "OK");
      assert.equal(await result("/get/k", { method }), method);
    }
  });

  test("HEAD executes the command as GET does, and has no body in its response", async () => {
    const head = await ask("/set/k/by-head", { method: "HEAD" });
    assert.deepEqual([head.status, head.bytes.length], [200, 0]);
    assert.match(head.headers["content-type"], /^application\/json/);
    assert.equal(await result("/get/k", { method: "GET" }), "by-head");
    assert.equal((await ask("/nosuch/k", { method: "HEAD" })).status, 400);
    assert.equal((await ask("/get/k", { method: "HEAD", headers: {} })).status, 401);
  });

  test("other methods get 405, with the allowed ones", async () => {
    for (const method of ["DELETE", "PATCH", "TRACE", "PROPFIND", "SUBSCRIBE"]) {
      const { status, headers, json } = await ask("/set/k/v", { method });
      assert.equal(status, 405, method);
      assert.deepEqual(headers.allow.split(/, */).sort(), ["GET", "HEAD", "POST", "PUT"]);
      assert.match(json.error, /^ERR /);
    }
    assert.equal(await result("/get/k"), null);
  });

  test("names in any case, and a trailing slash", async () => {
    assert.equal(await result("/SeT/k/v"), "OK");
    assert.equal(await result("/GET/k/"), "v");
    assert.equal(await result("/set/k//"), "OK", "an empty argument before the slash at the end");
    assert.equal(await result("/get/k"), "");
    assert.equal(await result("/set/k/"), "OK", "a slash at the end is the value that the command lacks");
    assert.equal(await result("/get/k"), "");
    assert.equal(await result("/set//v"), "OK", "an empty key");
    assert.equal(await result("/exists//"), 1);
  });

  test("every key and value, percent-encoded", async () => {
    for (const key of ODD_KEYS) {
      assert.equal(await result(`/set/${segment(key)}/${segment(`value of ${key}`)}`), "OK", key);
      assert.equal(await result(`/get/${segment(key)}`), `value of ${key}`, key);
    }
    assert.deepEqual((await its.redis.keys("*")).map(String).sort(), [...ODD_KEYS].sort());
    for (const text of TEXTS.filter(Boolean)) {
      assert.equal(await result(`/echo/${segment(text)}`), text);
    }
  });

  test("segments are split, then decoded once", async () => {
    await result("/set/a%2Fb/slash");
    assert.equal(await its.redis.get("a/b"), "slash");
    await result("/set/a%252Fb/twice");
    assert.equal(await its.redis.get("a%2Fb"), "twice");
    await result("/set/a%3Fb%3Dc%26d%23e/query");
    assert.equal(await its.redis.get("a?b=c&d#e"), "query");
    await result("/set/a+b/plus");
    assert.equal(await its.redis.get("a+b"), "plus");
    await result("/%73%65%74/name/encoded");
    assert.equal(await its.redis.get("name"), "encoded");
    await result("/set/%2e%2E/dots");
    assert.equal(await result("/get/.."), "dots");
    assert.match(await error("/set/k/a/../b"), /^ERR syntax error/, "nothing is resolved");
  });

  test("a wrong percent-encoding is refused", async () => {
    for (const path of ["/get/%", "/get/%2", "/get/%zz", "/get/a%2", "/get/%%41"]) {
      assert.equal(await error(path), "ERR invalid percent-encoding in the path");
    }
    assert.equal(await error("/set/k/v?EX=%zz"), "ERR invalid percent-encoding in the query");
  });

  test("a body is one more argument, whatever its content type", async () => {
    for (const method of ["POST", "PUT"]) {
      for (const type of ["application/json", "text/plain", "application/octet-stream", undefined]) {
        const headers = { ...AUTHORIZED, ...(type && { "content-type": type }) };
        for (const body of ["v", '["SET","other","x"]', "a&b=c", "%41", "\u00e4\n"]) {
          assert.equal(await result("/set/k", { method, headers, body }), "OK");
          assert.equal(await result("/get/k"), body);
        }
      }
    }
    assert.equal(await result("/append/k", { body: "!" }), 4);
    assert.equal(await result("/set/k", { body: "" }), "OK");
    assert.equal(await result("/get/k"), "", "an empty body is the value that the command lacks");
    assert.equal(await its.redis.exists("other"), 0);
  });

  test("the query follows the body, pair by pair", async () => {
    assert.equal(await result("/set/k?EX=1000", { body: "v" }), "OK");
    assert.ok((await its.redis.ttl("k")) > 900);
    assert.equal(await result("/set/k/w?PX=2000000&XX&GET"), "v");
    assert.ok((await its.redis.ttl("k")) > 1900);
    assert.equal(await result("/set/k/x?NX&EX=1000"), null);
    assert.equal(await result("/set/k?keepttl", { body: "y" }), "OK");
    assert.ok((await its.redis.ttl("k")) > 1900);
    assert.equal(await result("/mset?a=1&b=2&c=a%26b%3D%20+"), "OK");
    assert.deepEqual(await result("/mget/a/b/c"), ["1", "2", "a&b= +"]);
    assert.equal(await result("/mset?d=&&e=x"), "OK", "an empty value, and nothing between two &");
    assert.deepEqual(await result("/mget/d/e"), ["", "x"]);
    assert.equal(await result("/set?url=http://a/?b=c"), "OK");
    assert.equal(await result("/get/url"), "http://a/?b=c", "only the first = and ? mean anything");
  });

  test("an empty path", async () => {
    assert.equal(await error("/", { method: "GET" }), "ERR empty command");
    assert.match(await error("//", { method: "GET" }), /^ERR (empty command|refused by the bridge)/);
    assert.match(await error("/nosuch/a/b"), /^ERR refused by the bridge: 'nosuch'/i);
    assert.match(await error("/get"), /^ERR wrong number of arguments for 'get' command/);
  });

  test("SCAN by path", async () => {
    await its.redis.mset({ "u:1": 1, "u:2": 2, v: 3 });
    const [cursor, keys] = await result("/scan/0?match=u:*&count=100", { method: "GET" });
    assert.deepEqual([cursor, keys.sort()], ["0", ["u:1", "u:2"]]);
  });
});

onStores(["redis"], (its) => {
  test("arguments with a plus and infinities", async () => {
    const result = async (path) => (await send(its.bridge, path, { method: "GET" })).json.result;
    assert.equal(await result("/zadd/z/1/a/2/b"), 2);
    assert.deepEqual(await result("/zrangebyscore/z/(1/+inf?WITHSCORES"), ["b", "2"]);
    assert.match(await result("/xadd/s/*/field/value"), /^\d+-\d+$/);
    assert.equal((await result("/xrange/s/-/+")).length, 1);
  });
});
