// The encodings of answers: JSON, JSON with base64, RESP2; and batches in RESP.

import assert from "node:assert/strict";
import { test } from "node:test";
import { AUTHORIZED, send, sendJson } from "./support/http.mjs";
import { onStores } from "./support/stores.mjs";

const BASE64 = { ...AUTHORIZED, "upstash-encoding": "base64" };
const RESP2 = { ...AUTHORIZED, "upstash-response-format": "resp2" };
const RESP = { ...AUTHORIZED, "content-type": "application/x-resp" };

const base64 = (text) => Buffer.from(text).toString("base64");
const command = (...args) =>
  Buffer.concat([
    Buffer.from(`*${args.length}\r\n`),
    ...args.flatMap((arg) => [Buffer.from(`$${Buffer.byteLength(arg)}\r\n`), Buffer.from(arg), Buffer.from("\r\n")]),
  ]);

onStores(["memory", "redis"], (its) => {
  const json = async (path, headers = AUTHORIZED) => (await send(its.bridge, path, { headers })).json;

  test("plain JSON", async () => {
    const set = await send(its.bridge, "/set/k/v");
    assert.match(set.headers["content-type"], /^application\/json/);
    assert.equal(set.bytes.toString(), '{"result":"OK"}');
    assert.deepEqual(await json("/get/k"), { result: "v" });
    assert.deepEqual(await json("/get/none"), { result: null });
    assert.deepEqual(await json("/incrby/n/9007199254740991"), { result: 2 ** 53 - 1 });
    assert.deepEqual(await json("/incr/n"), { result: "9007199254740992" });
    await send(its.bridge, "/set/bytes", { body: Buffer.from([0x61, 0xff, 0x62]) });
    assert.deepEqual(await json("/get/bytes"), { result: "a\ufffdb" });
  });

  test("base64: every string except a whole reply that is OK", async () => {
    assert.deepEqual(await json("/set/k/OK", BASE64), { result: "OK" });
    assert.deepEqual(await json("/get/k", BASE64), { result: "OK" });
    assert.deepEqual(await json("/mget/k/none", BASE64), { result: ["T0s=", null] });
    assert.deepEqual(await json("/strlen/k", BASE64), { result: 2 });
    assert.deepEqual(await json("/echo/OKAY", BASE64), { result: base64("OKAY") });
    assert.deepEqual(await json("/ping", BASE64), { result: base64("PONG") });
    assert.deepEqual(await json("/set/empty//", BASE64), { result: "OK" });
    assert.deepEqual(await json("/get/empty", BASE64), { result: "" });
    const { error } = await json("/incr/k", BASE64);
    assert.equal(error, "ERR value is not an integer or out of range");
    const [whole, failed] = (
      await sendJson(
        its.bridge,
        "/pipeline",
        [
          ["get", "k"],
          ["incr", "k"],
        ],
        { headers: BASE64 },
      )
    ).json;
    assert.deepEqual([whole, failed.error], [{ result: "OK" }, error]);
    const [transaction] = (await sendJson(its.bridge, "/multi-exec", [["echo", "a"]], { headers: BASE64 })).json;
    assert.deepEqual(transaction, { result: base64("a") });
  });

  test("resp2: the bytes of the reply", async () => {
    const bytes = async (path, options) => {
      const { status, headers, bytes } = await send(its.bridge, path, { headers: RESP2, ...options });
      assert.equal(headers["content-type"], "application/octet-stream");
      assert.ok(headers["upstash-sync-token"]);
      return [status, bytes.toString("latin1")];
    };
    assert.deepEqual(await bytes("/set/k", { body: Buffer.from([0, 13, 10, 255]) }), [200, "+OK\r\n"]);
    assert.deepEqual(await bytes("/get/k"), [200, "$4\r\n\u0000\r\n\u00ff\r\n"]);
    assert.deepEqual(await bytes("/get/none"), [200, "$-1\r\n"]);
    assert.deepEqual(await bytes("/strlen/k"), [200, ":4\r\n"]);
    assert.deepEqual(await bytes("/incrby/n/9223372036854775807"), [200, ":9223372036854775807\r\n"]);
    assert.deepEqual(await bytes("/mget/k/none"), [200, "*2\r\n$4\r\n\u0000\r\n\u00ff\r\n$-1\r\n"]);
    assert.deepEqual(await bytes("/scan/0?match=n"), [200, "*2\r\n$1\r\n0\r\n*1\r\n$1\r\nn\r\n"]);
    assert.deepEqual(await bytes("/", { body: '["GET","none"]' }), [200, "$-1\r\n"]);
    assert.deepEqual(await bytes("/incr/k"), [400, "-ERR value is not an integer or out of range\r\n"]);
  });

  test("a transaction responds in JSON even if resp2 is requested", async () => {
    const { headers, json } = await sendJson(its.bridge, "/multi-exec", [["set", "k", "v"]], { headers: RESP2 });
    assert.match(headers["content-type"], /^application\/json/);
    assert.deepEqual(json, [{ result: "OK" }]);
  });

  test("invalid headers", async () => {
    const refused = [
      [{ "upstash-encoding": "hex" }, /^ERR invalid Upstash-Encoding/],
      [{ "upstash-response-format": "resp3" }, /^ERR invalid Upstash-Response-Format/],
      [{ "upstash-response-format": "resp2", "upstash-encoding": "base64" }, /^ERR invalid Upstash-Response-Format/],
    ];
    for (const [headers, text] of refused) {
      for (const [path, body] of [["/set/k/v"], ["/pipeline", '[["set","k","v"]]'], ["/", '["set","k","v"]']]) {
        const { status, json } = await send(its.bridge, path, { headers: { ...AUTHORIZED, ...headers }, body });
        assert.equal(status, 400, `${path} ${JSON.stringify(headers)}`);
        assert.match(json.error, text);
      }
    }
    assert.equal(await its.redis.get("k"), null, "nothing was carried out");
    const fine = { ...AUTHORIZED, "upstash-response-format": "json", "upstash-encoding": "BASE64" };
    assert.deepEqual(await json("/echo/a", fine), { result: base64("a") });
  });

  test("a pipeline in RESP keeps every byte", async () => {
    const value = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));
    const body = Buffer.concat([
      command("SET", "k", value),
      command("INCR", "k"),
      command("GET", "k"),
      command("GET", "n"),
    ]);
    const { status, headers, bytes } = await send(its.bridge, "/pipeline", { headers: RESP, body });
    assert.equal(status, 200);
    assert.equal(headers["content-type"], "application/x-resp");
    const replies = [
      "+OK\r\n-ERR value is not an integer or out of range\r\n$256\r\n",
      value.toString("latin1"),
      "\r\n$-1\r\n",
    ];
    assert.equal(bytes.toString("latin1"), replies.join(""));
  });

  test("a transaction in RESP", async () => {
    const body = Buffer.concat([command("SET", "k", "v"), command("GET", "k")]);
    const done = await send(its.bridge, "/multi-exec", { headers: RESP, body });
    assert.deepEqual([done.status, done.bytes.toString()], [200, "+OK\r\n$1\r\nv\r\n"]);
    const bad = Buffer.concat([command("SET", "k", "changed"), command("NOSUCH")]);
    const discarded = await send(its.bridge, "/multi-exec", { headers: RESP, body: bad });
    assert.equal(discarded.status, 400);
    assert.match(discarded.json.error, /^(ERR|EXECABORT) /);
    assert.equal(await its.redis.get("k"), "v");
  });

  test("invalid RESP is refused as a whole", async () => {
    const whole = command("SET", "k", "v");
    const bodies = [
      "",
      "PING\r\n",
      "*1\r\n$4\r\nPIN",
      "*-1\r\n",
      "*1\r\n$99999999999\r\n",
      "*2\r\n$3\r\nSET\r\n",
      "*99999999\r\n",
    ];
    for (const body of [...bodies, Buffer.concat([whole, Buffer.from("*1\r\n")]), whole.subarray(0, -1)]) {
      const { status, json } = await send(its.bridge, "/pipeline", { headers: RESP, body });
      assert.ok(status === 400 || status === 413, `${status}: ${body}`);
      assert.match(json.error, /^ERR /);
    }
    assert.equal(await its.redis.get("k"), null);
  });
});
