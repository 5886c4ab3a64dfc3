// Requests that are refused: the status, the text, and that nothing is carried out.

import assert from "node:assert/strict";
import { test } from "node:test";
import { TOKEN } from "./support/bridge.mjs";
import { AUTHORIZED, READ_ONLY, send, sendJson } from "./support/http.mjs";
import { onStores } from "./support/stores.mjs";

const COMMAND = "ERR failed to parse command";
const PIPELINE = "ERR failed to parse pipeline request";

onStores(["memory", "redis"], (its) => {
  const refused = async (path, body, status, text) => {
    const answer = await sendJson(its.bridge, path, body);
    const what = `${path} ${String(body).slice(0, 60)}`;
    assert.equal(answer.status, status, `${what}: ${JSON.stringify(answer.json)}`);
    assert.deepEqual(Object.keys(answer.json), ["error"], what);
    if (text instanceof RegExp) {
      assert.match(answer.json.error, text, what);
    } else {
      assert.equal(answer.json.error, text, what);
    }
    assert.equal(answer.headers["x-content-type-options"], "nosniff");
    assert.match(answer.headers["content-type"], /^application\/json/);
  };

  test("a body that is not a command", async () => {
    const deep = "[".repeat(100_000);
    const bodies = [
      "",
      " ",
      "{}",
      "null",
      '"GET"',
      "1",
      "GET k",
      "[",
      '["GET"',
      '["GET","k"]]',
      '["GET","k"] x',
      "['GET']",
      deep,
    ];
    for (const body of [
      ...bodies,
      `${deep}${"]".repeat(100_000)}`,
      Buffer.from('["GET","\xff"]', "latin1"),
      '["GET",01]',
      '["GET","\n"]',
    ]) {
      const answer = await sendJson(its.bridge, "/", body);
      assert.equal(answer.status, 400, String(body).slice(0, 40));
      assert.match(answer.json.error, /^ERR /);
    }
    for (const body of ["", "{}", "null", "[", '["GET","k"] x']) {
      await refused("/", body, 400, COMMAND);
    }
    await refused("/", "[]", 400, "ERR empty command");
  });

  test("a body that is not a pipeline", async () => {
    for (const path of ["/pipeline", "/multi-exec"]) {
      for (const body of [
        "",
        "{}",
        "null",
        "[",
        '["SET","k","v"]',
        '[["SET","k","v"],"x"]',
        '[["SET","k","v"]',
        '[["SET","k","v"]] x',
      ]) {
        await refused(path, body, 400, PIPELINE);
      }
      await refused(path, "[]", 400, "ERR empty pipeline request");
    }
    assert.equal(await its.redis.get("k"), null, "nothing of them was carried out");
  });

  test("an empty command in a pipeline", async () => {
    const body = [["SET", "k", "v"], [], ["GET", "k"]];
    await refused("/multi-exec", JSON.stringify(body), 400, "ERR empty pipeline command");
    assert.equal(await its.redis.get("k"), null);
    const { status, json } = await sendJson(its.bridge, "/pipeline", body);
    assert.deepEqual(
      [status, json],
      [200, [{ result: "OK" }, { error: "ERR empty pipeline command" }, { result: "v" }]],
    );
  });

  test("invalid arguments", async () => {
    for (const bad of ["null", "{}", "[]", '{"a":1}', '"\\ud800"', '"\\udc00x"']) {
      await refused("/", `["SET","k",${bad}]`, 400, /^ERR /);
      await refused("/pipeline", `[["SET","k","v"],["SET","k",${bad}]]`, 400, /^ERR /);
      await refused("/multi-exec", `[["SET","k","v"],["SET","k",${bad}]]`, 400, /^ERR /);
    }
    assert.equal(await its.redis.get("k"), null);
  });

  test("numbers and booleans are arguments, as they are written", async () => {
    const texts = [
      "1e21",
      "1.0",
      "-0",
      "0.1e-7",
      "123456789012345678901234567890",
      "9007199254740993",
      "true",
      "false",
      "1E+5",
    ];
    for (const text of texts) {
      const { json } = await sendJson(its.bridge, "/pipeline", `[["SET","k",${text}],["GET","k"]]`);
      assert.deepEqual(json, [{ result: "OK" }, { result: text }]);
    }
    const { json } = await sendJson(its.bridge, "/", '[ "ECHO" , "\\u00e4\\ud83d\\ude00\\u0000\\/" ]\n');
    assert.equal(json.result, "\u00e4\u{1F600}\u0000/");
  });

  test("a failing command, in each form of request", async () => {
    await its.redis.set("k", "text");
    await refused("/", '["INCR","k"]', 400, "ERR value is not an integer or out of range");
    await refused("/incr/k", "", 400, "ERR value is not an integer or out of range");
    await refused("/", '["NOSUCH","k"]', 400, /^ERR refused by the bridge: 'nosuch' is not in its table/i);
    const { status, json } = await sendJson(its.bridge, "/pipeline", [["INCR", "k"], ["NOSUCH"]]);
    assert.equal(status, 200);
    assert.equal(json[0].error, "ERR value is not an integer or out of range");
    assert.match(json[1].error, /^ERR refused by the bridge: 'nosuch' is not in its table/i);
    const run = await sendJson(its.bridge, "/multi-exec", [
      ["INCR", "k"],
      ["GET", "k"],
    ]);
    assert.deepEqual(
      [run.status, run.json],
      [200, [{ error: "ERR value is not an integer or out of range" }, { result: "text" }]],
    );
    await refused("/multi-exec", '[["SET","k","x"],["NOSUCH"]]', 400, /^(ERR|EXECABORT) /);
    await refused("/multi-exec", '[["SET","k","x"],["GET"]]', 400, /^(ERR|EXECABORT) /);
    assert.equal(await its.redis.get("k"), "text");
  });

  test("a missing or wrong token", async () => {
    const headers = [
      {},
      { authorization: "" },
      { authorization: TOKEN },
      { authorization: `Basic ${TOKEN}` },
      { authorization: "Bearer" },
      { authorization: "Bearer " },
      { authorization: "Bearer wrong" },
      { authorization: `Bearer ${TOKEN}x` },
      { authorization: `Bearer ${TOKEN} x` },
      { authorization: [`Bearer ${TOKEN}`, "Bearer wrong"] },
      { cookie: `token=${TOKEN}` },
    ];
    for (const header of headers) {
      for (const [path, body] of [
        ["/set/k/v"],
        ["/", '["SET","k","v"]'],
        ["/pipeline", '[["SET","k","v"]]'],
        ["/nosuch"],
        ["/pipeline", "{"],
        ["/subscribe/c", "[]"],
      ]) {
        const answer = await send(its.bridge, path, { headers: header, body });
        assert.equal(answer.status, 401, JSON.stringify(header));
        assert.deepEqual(answer.json, { error: "WRONGPASS invalid or missing auth token" });
      }
    }
    assert.equal(await its.redis.get("k"), null);
    const lower = await send(its.bridge, "/get/k", { headers: { authorization: `bearer ${TOKEN}` } });
    assert.equal(lower.status, 200, "the scheme is in any case");
  });

  test("a token in the query is ignored, and is not an argument", async () => {
    const inQuery = `_token=${TOKEN}`;
    assert.equal((await send(its.bridge, `/set/k/v?${inQuery}`, { headers: {} })).status, 401);
    assert.equal((await send(its.bridge, `/?${inQuery}`, { headers: {}, body: '["SET","k","v"]' })).status, 401);
    assert.equal(await its.redis.get("k"), null);
    assert.equal(
      (await send(its.bridge, `/set/k/v?${inQuery}`, { headers: { authorization: "Bearer x" } })).status,
      401,
    );
    assert.deepEqual((await send(its.bridge, "/set/k/v?_token=x&EX=1000")).json, { result: "OK" });
    assert.deepEqual((await send(its.bridge, "/get/k?_token")).json, { result: "v" });
  });

  test("limits: commands, arguments, the URL, the head", async () => {
    await refused("/pipeline", JSON.stringify(Array(1001).fill(["SET", "k", "v"])), 413, /1000/);
    await refused("/multi-exec", JSON.stringify(Array(1001).fill(["SET", "k", "v"])), 413, /1000/);
    await refused("/", JSON.stringify(["DEL", ...Array(32_768).fill("k")]), 413, /32768/);
    assert.equal((await sendJson(its.bridge, "/", ["DEL", ...Array(32_767).fill("k")])).status, 200);
    const long = await send(its.bridge, `/set/k/${"x".repeat(16 * 1024)}`);
    assert.equal(long.status, 414);
    assert.match(long.json.error, /^ERR /);
    assert.equal((await send(its.bridge, `/set/l/${"x".repeat(15 * 1024)}`)).status, 200);
    const head = { ...AUTHORIZED, "x-padding": "x".repeat(200_000) };
    const outcome = await send(its.bridge, "/set/k/v", { headers: head }).catch(({ code }) => ({ status: code }));
    assert.ok([431, "ECONNRESET", "EPIPE"].includes(outcome.status), String(outcome.status));
    assert.equal(await its.redis.get("k"), null);
  });

  test("limits: the response", async () => {
    const body = Buffer.alloc(9 * 2 ** 20, "x");
    assert.equal((await send(its.bridge, "/set/k", { body })).status, 200);
    assert.equal((await send(its.bridge, "/get/k")).status, 200);
    const { status, json } = await send(its.bridge, "/mget/k/k");
    assert.equal(status, 413);
    assert.match(json.error, /^ERR .*16777216/);
    assert.equal((await send(its.bridge, "/ping")).json.result, "PONG");
  });

  test("limits: the body of a read-only token", async () => {
    const body = Buffer.alloc(2 ** 20 + 1, "x");
    const outcome = await send(its.bridge, "/echo", { headers: READ_ONLY, body }).catch(({ code }) => ({
      status: code,
    }));
    assert.ok([413, "ECONNRESET", "EPIPE"].includes(outcome.status), String(outcome.status));
    const fits = await send(its.bridge, "/echo", { headers: READ_ONLY, body: body.subarray(1) });
    assert.deepEqual([fits.status, fits.json.result.length], [200, 2 ** 20]);
  });

  test("errors and logs contain neither tokens nor values", async () => {
    const secret = "a-secret-value-4711";
    const answers = [
      await send(its.bridge, `/nosuch/${secret}`),
      await send(its.bridge, `/incr/k/${secret}`),
      await sendJson(its.bridge, "/", ["SET", "k", "v", secret]),
      await sendJson(its.bridge, "/", `["SET","k","${secret}`),
      await send(its.bridge, `/get/k?_token=${secret}`, { headers: {} }),
      await send(its.bridge, "/get/k", { headers: { authorization: `Bearer ${secret}` } }),
    ];
    for (const { status, bytes } of answers) {
      assert.ok(status >= 400, String(status));
      assert.ok(!bytes.includes(secret), bytes.toString());
    }
    for (const word of [secret, TOKEN]) {
      assert.ok(!its.bridge.log().includes(word), its.bridge.log());
    }
  });
});
