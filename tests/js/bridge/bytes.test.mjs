// Values of any bytes and of some size, and how they travel.

import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { connect } from "node:net";
import { test } from "node:test";
import { withinLimit } from "../../support/waiting.mjs";
import { TOKEN } from "./support/bridge.mjs";
import { AUTHORIZED, send, sendJson } from "./support/http.mjs";
import { onStores } from "./support/stores.mjs";

const MIB = 2 ** 20;
const RESP2 = { ...AUTHORIZED, "upstash-response-format": "resp2" };
const BASE64 = { ...AUTHORIZED, "upstash-encoding": "base64" };
const digest = (bytes) => createHash("sha256").update(bytes).digest("hex");

/** The bytes of a bulk string, checked to be one. */
function bulk(bytes) {
  const start = bytes.indexOf("\r\n") + 2;
  const length = Number(bytes.subarray(1, start - 2));
  assert.equal(bytes[0], "$".charCodeAt(0));
  assert.equal(bytes.length, start + length + 2);
  return bytes.subarray(start, start + length);
}

/** What a server answers to bytes on a socket, until it closes the connection or `isDone`. */
function talk(bridge, bytes, isDone = () => false) {
  const { hostname, port } = new URL(bridge.url);
  const socket = connect(Number(port), hostname);
  let heard = "";
  const answered = new Promise((resolve, reject) => {
    socket.setEncoding("latin1").on("data", (text) => {
      heard += text;
      if (isDone(heard)) {
        resolve(heard);
      }
    });
    socket.on("error", reject).on("end", () => resolve(heard));
  });
  socket.write(bytes);
  return { socket, answered: withinLimit("an answer", answered).finally(() => socket.destroy()) };
}

onStores(["memory", "redis"], (its) => {
  const values = {
    "every byte": Buffer.from(Array.from({ length: 256 }, (_, byte) => byte)),
    NUL: Buffer.from([0]),
    "line breaks": Buffer.from("\r\n\r\n+OK\r\n$-1\r\n"),
    "invalid UTF-8": Buffer.from([0xc3, 0x28, 0xa0, 0xed, 0xa0, 0x80, 0xf8, 0xff, 0xfe]),
    "a byte order mark": Buffer.from([0xef, 0xbb, 0xbf, 0x61]),
    "1 MiB": randomBytes(MIB),
    "8 MiB": randomBytes(8 * MIB),
  };
  for (const [name, value] of Object.entries(values)) {
    test(`${name}: written as a body, read as resp2 and as base64`, async () => {
      const written = await send(its.bridge, "/set/k?EX=1000", { body: value });
      assert.deepEqual(written.json, { result: "OK" });
      assert.equal((await send(its.bridge, "/strlen/k")).json.result, value.length);
      const read = await send(its.bridge, "/get/k", { headers: RESP2 });
      assert.equal(digest(bulk(read.bytes)), digest(value));
      const inBase64 = await send(its.bridge, "/get/k", { headers: BASE64 });
      assert.equal(digest(Buffer.from(inBase64.json.result, "base64")), digest(value));
    });
  }

  test("8 MiB of text in JSON, written and read", async () => {
    const text = `"\\\n\u0000\u00e4\u65e5\u{1F600}`.repeat(MIB / 2).slice(0, 3.5 * MIB);
    const body = JSON.stringify(["SET", "k", text]);
    const size = Buffer.byteLength(body);
    assert.ok(size > 8 * MIB && size <= 10 * MIB, String(size));
    assert.deepEqual((await sendJson(its.bridge, "/", body)).json, { result: "OK" });
    const { json } = await sendJson(its.bridge, "/", ["GET", "k"]);
    assert.ok(json.result === text);
  });

  test("a body above the limit is refused, and nothing is stored", async () => {
    const body = Buffer.alloc(10 * MIB + 1, "x");
    for (const [path, sent] of [
      ["/set/k", body],
      ["/", JSON.stringify(["SET", "k", body.toString("latin1")])],
    ]) {
      // The server may answer before it has read everything, and close.
      const outcome = await send(its.bridge, path, { body: sent }).catch((error) => error);
      if (outcome instanceof Error) {
        assert.match(outcome.code, /^(EPIPE|ECONNRESET)$/);
      } else {
        assert.equal(outcome.status, 413);
        assert.match(outcome.json.error, /^ERR .*10485760/);
      }
    }
    assert.equal(await its.redis.exists("k"), 0);
  });

  test("a chunked body", async () => {
    const parts = [randomBytes(10), randomBytes(100_000), randomBytes(1)];
    const chunks = parts.flatMap((part) => [Buffer.from(`${part.length.toString(16)}\r\n`), part, Buffer.from("\r\n")]);
    const head = `POST /set/k HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer ${TOKEN}\r\nConnection: close\r\n`;
    const bytes = Buffer.concat([
      Buffer.from(`${head}Transfer-Encoding: chunked\r\n\r\n`),
      ...chunks,
      Buffer.from("0\r\n\r\n"),
    ]);
    assert.match(await talk(its.bridge, bytes).answered, /^HTTP\/1\.1 200 .*\{"result":"OK"\}$/s);
    const read = await send(its.bridge, "/get/k", { headers: RESP2 });
    assert.equal(digest(bulk(read.bytes)), digest(Buffer.concat(parts)));
  });

  test("pipelined requests on one connection are answered in order", async () => {
    const count = 50;
    const request = (index) =>
      `GET /echo/number-${index}- HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer ${TOKEN}\r\n\r\n`;
    const bytes = Array.from({ length: count }, (_, index) => request(index)).join("");
    const heard = await talk(its.bridge, bytes, (text) => text.includes(`"number-${count - 1}-"`)).answered;
    const answers = [...heard.matchAll(/"number-(\d+)-"/g)].map(([, index]) => Number(index));
    assert.deepEqual(
      answers,
      Array.from({ length: count }, (_, index) => index),
    );
  });

  test("Expect: 100-continue, as curl sends it with long bodies", async () => {
    const head = `PUT /set/k HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer ${TOKEN}\r\nConnection: close\r\n`;
    let sent = false;
    const { socket, answered } = talk(
      its.bridge,
      `${head}Content-Length: 5\r\nExpect: 100-continue\r\n\r\n`,
      (text) => {
        if (!sent && text.startsWith("HTTP/1.1 100")) {
          sent = true;
          socket.write("value");
        }
        return false;
      },
    );
    assert.match(await answered, /^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 200 /);
    assert.equal(await its.redis.get("k"), "value");
  });

  test("a request with two Content-Lengths, or one and chunks, is refused or closes the connection", async () => {
    const head = `POST /set/k HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer ${TOKEN}\r\n`;
    const smuggled = `GET /set/smuggled/1 HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer ${TOKEN}\r\nConnection: close\r\n\r\n`;
    for (const lengths of [
      "Content-Length: 1\r\nContent-Length: 5\r\n",
      `Content-Length: ${smuggled.length + 5}\r\nTransfer-Encoding: chunked\r\n`,
    ]) {
      await talk(its.bridge, `${head}${lengths}\r\n0\r\n\r\n${smuggled}`).answered.catch(() => {});
      assert.equal(await its.redis.exists("smuggled"), 0, lengths);
    }
  });
});
