// Streams of events as they are on the wire.

import assert from "node:assert/strict";
import { afterEach, test } from "node:test";
import { eventually, withinLimit } from "../../support/waiting.mjs";
import { ORIGIN, READ_ONLY_TOKEN, startBridge, TOKEN } from "./support/bridge.mjs";
import { send } from "./support/http.mjs";
import { onStores } from "./support/stores.mjs";

const opened = [];

afterEach(() => {
  for (const stream of opened.splice(0)) {
    stream.close();
  }
});

/**
 * Opens a stream, which ends with the test. `next` is the next event with its empty line, `comment` the next comment, which the
 * bridge sends when nothing else happens, and `ended` the end of the stream.
 */
async function open(bridge, path, { method = "POST", token = TOKEN, headers } = {}) {
  const abort = new AbortController();
  const response = await withinLimit(
    "the stream",
    fetch(`${bridge.url}${path}`, {
      method,
      headers: { authorization: `Bearer ${token}`, accept: "text/event-stream", ...headers },
      body: method === "POST" ? "[]" : undefined,
      signal: abort.signal,
    }),
  );
  const reader = response.body.getReader();
  const decoder = new TextDecoder();
  let heard = "";
  const next = async (isWanted) => {
    for (;;) {
      const end = heard.indexOf("\n\n");
      if (end >= 0) {
        const event = heard.slice(0, end + 2);
        heard = heard.slice(end + 2);
        if (isWanted(event)) {
          return event;
        }
        continue;
      }
      const { value, done } = await reader.read();
      assert.ok(!done, `the stream has ended after ${JSON.stringify(heard)}`);
      heard += decoder.decode(value, { stream: true });
    }
  };
  const isComment = (event) => /^(:.*\n)+\n$/.test(event);
  const ended = async () => {
    let rest = heard;
    for (let part = await reader.read(); !part.done; part = await reader.read()) {
      rest += decoder.decode(part.value, { stream: true });
    }
    assert.match(rest, /^(:.*\n+)*$/, "nothing but comments comes before the end");
  };
  const stream = {
    response,
    next: () =>
      withinLimit(
        `an event of ${path}`,
        next((event) => !isComment(event)),
      ),
    comment: () => withinLimit(`a comment of ${path}`, next(isComment)),
    ended: () => withinLimit(`the end of ${path}`, ended()),
    close: () => abort.abort(),
  };
  opened.push(stream);
  return stream;
}

onStores(["memory", "redis"], (its) => {
  const publish = async (channel, payload) => {
    const { json } = await send(its.bridge, `/publish/${encodeURIComponent(channel)}`, { body: payload });
    return json.result;
  };

  for (const method of ["POST", "GET"]) {
    test(`a subscription by ${method} and its messages`, async () => {
      const stream = await open(its.bridge, "/subscribe/news", { method });
      assert.equal(stream.response.status, 200);
      assert.match(stream.response.headers.get("content-type"), /^text\/event-stream/);
      assert.equal(stream.response.headers.get("cache-control"), "no-store");
      assert.equal(await stream.next(), "data: subscribe,news,1\n\n");
      for (const payload of [
        "hello",
        " two  blanks ",
        "a,b,,c",
        "data: x",
        ":x",
        '{"a":1}',
        "\u00e4\u{1F600}",
        "x".repeat(100_000),
      ]) {
        assert.equal(await publish("news", payload), 1);
        assert.equal(await stream.next(), `data: message,news,${payload}\n\n`);
      }
    });
  }

  test("a payload never escapes from its event", async () => {
    const stream = await open(its.bridge, "/subscribe/c");
    await stream.next();
    for (const payload of ["two\nlines", "\n\ndata: message,other,forged\n\n", "a\r\nb", "\r", "\u0000"]) {
      await publish("c", payload);
      const event = await stream.next();
      const data = event.split("\n").filter((line) => !line.startsWith(":") && line !== "");
      assert.equal(data.length, 1, JSON.stringify(event));
      assert.ok(data[0].startsWith("data: message,c,"));
      const text = data[0].slice("data: message,c,".length);
      assert.equal(/[\r\n]/.test(payload) ? JSON.parse(text) : text, payload);
    }
  });

  test("bytes that are not UTF-8", async () => {
    const stream = await open(its.bridge, "/subscribe/c");
    await stream.next();
    await publish("c", Buffer.from([0x61, 0xff, 0x62]));
    assert.equal(await stream.next(), "data: message,c,a\ufffdb\n\n");
  });

  test("a requested encoding changes nothing", async () => {
    const stream = await open(its.bridge, "/subscribe/c", { headers: { "upstash-encoding": "base64" } });
    assert.equal(await stream.next(), "data: subscribe,c,1\n\n");
    await publish("c", "plain");
    assert.equal(await stream.next(), "data: message,c,plain\n\n");
  });

  test("several channels in one stream, percent-encoded", async () => {
    const stream = await open(its.bridge, "/subscribe/a%2Fb/c%20d");
    const first = [await stream.next(), await stream.next()];
    assert.deepEqual(first, ["data: subscribe,a/b,1\n\n", "data: subscribe,c d,2\n\n"]);
    await publish("c d", "x");
    await publish("a/b", "y");
    assert.equal(await stream.next(), "data: message,c d,x\n\n");
    assert.equal(await stream.next(), "data: message,a/b,y\n\n");
  });

  test("patterns", async () => {
    const stream = await open(its.bridge, "/psubscribe/n%5Bew%5D*");
    assert.equal(await stream.next(), "data: psubscribe,n[ew]*,1\n\n");
    assert.equal(await publish("no", "x"), 0);
    assert.equal(await publish("news", "x"), 1);
    assert.equal(await stream.next(), "data: pmessage,n[ew]*,news,x\n\n");
  });

  test("invalid subscriptions", async () => {
    const accept = { authorization: `Bearer ${TOKEN}`, accept: "text/event-stream" };
    for (const [path, headers, status] of [
      ["/subscribe/c", { accept: "text/event-stream" }, 401],
      ["/subscribe/c", { ...accept, authorization: "Bearer wrong" }, 401],
      ["/subscribe/c", { authorization: `Bearer ${TOKEN}` }, 400],
      ["/subscribe", accept, 400],
      ["/subscribe/a%2Cb", accept, 400],
      ["/subscribe/a%0Ab", accept, 400],
      ["/monitor", accept, 400],
    ]) {
      const answer = await send(its.bridge, path, { headers, body: "[]" });
      assert.equal(answer.status, status, `${path} ${JSON.stringify(answer.json)}`);
      assert.match(answer.headers["content-type"], /^application\/json/);
    }
  });

  test("a read-only token may subscribe, and so may a page of an allowed origin", async () => {
    const stream = await open(its.bridge, "/subscribe/c", { token: READ_ONLY_TOKEN, headers: { origin: ORIGIN } });
    assert.equal(stream.response.headers.get("access-control-allow-origin"), ORIGIN);
    assert.equal(await stream.next(), "data: subscribe,c,1\n\n");
  });

  test("the streams of a token are limited, and a closed one frees its place", async () => {
    const streams = [];
    for (let count = 0; count < 16; count++) {
      streams.push(await open(its.bridge, "/subscribe/c"));
    }
    const refused = await send(its.bridge, "/subscribe/c", {
      headers: { authorization: `Bearer ${TOKEN}`, accept: "text/event-stream" },
    });
    assert.equal(refused.status, 429);
    assert.match(refused.json.error, /^ERR /);
    assert.ok(Number(refused.headers["retry-after"]) >= 1);
    streams[0].close();
    await eventually("a place for another subscriber", async () => {
      const stream = await open(its.bridge, "/subscribe/c");
      stream.close();
      return stream.response.status === 200 ? true : undefined;
    });
  });

  test("a stream ends when the bridge does", async () => {
    const bridge = await startBridge(its.backend?.url ?? "memory");
    try {
      const stream = await open(bridge, "/subscribe/c");
      await stream.next();
      const stopped = bridge.stop();
      await stream.ended();
      await stopped;
    } finally {
      await bridge.stop();
    }
  });
});

onStores(["memory"], (its) => {
  test("an idle stream sends a comment", async () => {
    const stream = await open(its.bridge, "/subscribe/c");
    assert.equal(await stream.next(), "data: subscribe,c,1\n\n");
    assert.match(await stream.comment(), /^:.*\n\n$/);
  });
});
