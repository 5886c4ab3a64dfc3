// What travels together, and in which order.

import assert from "node:assert/strict";
import { after, before, beforeEach, describe, test } from "node:test";
import { HttpCache } from "isocache/http";
import { messagePackSerializer } from "isocache/msgpack";
import { eventually } from "../../support/waiting.mjs";
import { startForeign } from "./support/foreign.mjs";
import { startBridge } from "./support/servers.mjs";

let server;
before(async () => {
  server = await startForeign();
});
after(() => server?.close());
beforeEach(() => server.reset());

const cache = (options) => new HttpCache({ url: server.url, token: server.token, timeout: "5m", ...options });
const sent = () =>
  server.requests.map(({ path, body }) => [path, JSON.parse(body).map((command) => command.slice(0, 2).join(" "))]);

describe("operations of one turn", () => {
  test("travel in one request, in their order", async () => {
    const one = cache();
    const answers = await Promise.all([
      one.set("a", 1),
      one.get("a"),
      one.set("a", 2),
      one.get("a"),
      one.delete("a"),
      one.has("a"),
      one.getMany(["a", "b"]),
      one.namespace("n").get("a"),
    ]);
    assert.deepEqual(answers, [undefined, 1, undefined, 2, true, false, [undefined, undefined], undefined]);
    const commands = ["SET a", "GET a", "SET a", "GET a", "MGET a", "UNLINK a", "GET a", "MGET a", "GET n:a"];
    assert.deepEqual(sent(), [["/pipeline", commands]]);
  });

  test("also where promises that are settled stand between", async () => {
    const one = cache();
    const chain = async (key) => {
      await undefined;
      return one.get(key);
    };
    await Promise.all([chain("a"), one.get("b"), chain("c")]);
    assert.deepEqual(sent(), [["/pipeline", ["GET b", "GET a", "GET c"]]]);
  });

  test("with a transaction among them: in one transaction, the order holds", async () => {
    const one = cache();
    const answers = await Promise.all([
      one.set("n", 5),
      one.increment("n", 2, { ttl: "1m" }),
      one.getWithTtl("n"),
      one.increment("new", 1, { ttl: "1m" }),
      one.getWithTtl("new"),
    ]);
    assert.deepEqual(answers, [undefined, 7, { value: 7, ttl: null }, 1, { value: 1, ttl: 60 }]);
    assert.deepEqual(
      server.requests.map(({ path }) => path),
      ["/multi-exec"],
    );
  });

  test("a transaction that is refused as a whole is done apart, in order", async () => {
    const { respond } = server;
    let refused = 0;
    server.respond = (request, body) => {
      if (request.url === "/multi-exec" && JSON.parse(body).length > 2) {
        refused++;
        return { status: 400, answer: { error: "CROSSSLOT Keys in request don't hash to the same slot" } };
      }
      return respond(request, body);
    };
    try {
      const one = cache();
      const all = () =>
        Promise.all([
          one.set("n", 5),
          one.get("n"),
          one.increment("n", 2, { ttl: "1m" }),
          one.getWithTtl("n"),
          one.get("n"),
        ]);
      assert.deepEqual(await all(), [undefined, 5, 7, { value: 7, ttl: null }, 7]);
      assert.deepEqual(sent().slice(1), [
        ["/pipeline", ["SET n", "GET n"]],
        ["/multi-exec", ["SET n", "INCRBY n"]],
        ["/pipeline", ["GET n", "PTTL n", "GET n"]],
      ]);
      await all();
      assert.equal(refused, 1, "the server is known then");
    } finally {
      server.respond = respond;
    }
  });

  test("the failure of one is not that of the others", async () => {
    const one = cache();
    await one.set("text", "a");
    const outcomes = await Promise.allSettled([one.get("text"), one.increment("text"), one.has("text")]);
    assert.deepEqual(
      outcomes.map(({ value, reason }) => value ?? reason.code),
      ["a", "deserialize", true],
    );
    assert.equal(outcomes[1].reason.key, "text");
  });

  test("more commands than go into one request: several, one after another", async () => {
    const one = cache();
    const keys = Array.from({ length: 2_500 }, (_, at) => `k${at}`);
    await Promise.all(keys.map((key, at) => one.set(key, at)));
    assert.deepEqual(
      sent().map(([, commands]) => commands.length),
      [1000, 1000, 500],
    );
    assert.deepEqual(
      sent().flatMap(([, commands]) => commands),
      keys.map((key) => `SET ${key}`),
    );
    server.reset();
    const small = cache({ batch: { maxCommands: 2 } });
    await Promise.all([small.set("a", 1), small.set("a", 2), small.set("a", 3), small.get("a")]);
    assert.deepEqual(sent(), [
      ["/pipeline", ["SET a", "SET a"]],
      ["/pipeline", ["SET a", "GET a"]],
    ]);
  });

  test("more bytes than go into one request: several; a larger value goes alone", async () => {
    const one = cache({ batch: { maxBytes: 1000 } });
    const text = "x".repeat(400);
    await Promise.all([
      one.set("a", text),
      one.set("b", text),
      one.set("c", text),
      one.set("d", text.repeat(5)),
      one.get("a"),
    ]);
    assert.deepEqual(
      sent().map(([, commands]) => commands),
      [["SET a", "SET b"], ["SET c"], ["SET d"], ["GET a"]],
    );
  });

  test("batch: false: each is a request of its own", async () => {
    const one = cache({ batch: false });
    await Promise.all([one.get("a"), one.get("b"), one.getMany(["c", "d"])]);
    assert.deepEqual(
      sent()
        .map(([, commands]) => commands)
        .toSorted(),
      [["GET a"], ["GET b"], ["MGET c"]],
    );
  });

  test("operations with an await between them are sent in separate requests", async () => {
    const one = cache();
    await one.set("a", 1);
    await one.get("a");
    assert.equal(server.requests.length, 2);
  });
});

describe("operations on many keys", () => {
  test("are one request", async () => {
    const one = cache();
    const entries = Array.from({ length: 400 }, (_, value) => ({
      key: `k${value}`,
      value,
      ttl: value % 2 ? "1m" : undefined,
    }));
    await one.setMany(entries);
    assert.deepEqual(
      await one.getMany(entries.map(({ key }) => key)),
      entries.map(({ value }) => value),
    );
    assert.equal(await one.deleteMany(entries.map(({ key }) => key)), 400);
    assert.deepEqual(
      sent().map(([, commands]) => commands.length),
      [400, 1, 2],
    );
  });

  test("are several requests beyond the limits, and one answer", async () => {
    const one = cache();
    const entries = Array.from({ length: 3_001 }, (_, value) => ({ key: `k${value}`, value }));
    await one.setMany(entries);
    assert.deepEqual(
      await one.getMany(entries.map(({ key }) => key)),
      entries.map(({ value }) => value),
    );
    assert.equal(await one.clearPattern("k*"), 3_001, "by steps of 512 keys");
    assert.equal(server.count("SCAN"), 6);
    assert.equal(server.store.entries.size, 0);
    await one.setMany(entries);
    assert.equal(await one.deleteMany(entries.map(({ key }) => key)), 3_001);
  });

  test("none of them: no request", async () => {
    const one = cache();
    assert.deepEqual([await one.getMany([]), await one.setMany([]), await one.deleteMany([])], [[], undefined, 0]);
    assert.equal(server.requests.length, 0);
  });
});

describe("a pattern", () => {
  test("without wildcards is one request", async () => {
    const one = cache({ namespace: "n*" });
    await one.setMany([
      { key: "a*b", value: 1 },
      { key: "axb", value: 2 },
    ]);
    server.reset();
    server.store.run(["SET", "n*:a*b", "1"].map((text) => Buffer.from(text)));
    assert.equal(await one.clearPattern("a\\*b"), 1);
    assert.deepEqual(sent(), [["/pipeline", ["MGET n*:a*b", "UNLINK n*:a*b"]]]);
  });

  test("a server without our command is asked for it once", async () => {
    const one = cache();
    await one.clearPattern("a*");
    await one.clearPattern("b*");
    assert.deepEqual(
      sent().map(([, [command]]) => command),
      ["ISOCACHE.CLEAR a*", "SCAN 0", "SCAN 0"],
    );
  });

  test("is one request to the bridge", async () => {
    const bridge = await startBridge();
    try {
      let requests = 0;
      const counted = (url, init) => {
        requests++;
        return fetch(url, init);
      };
      const one = new HttpCache({ url: bridge.url, token: bridge.token, fetch: counted, timeout: "5m" });
      await one.setMany(Array.from({ length: 900 }, (_, value) => ({ key: `k${value}`, value })));
      requests = 0;
      assert.equal(await one.clearPattern("k*"), 900);
      assert.equal(requests, 1);
    } finally {
      await bridge.close();
    }
  });
});

describe("bytes", () => {
  test("travel as RESP2 to the bridge, from the first request on, and by path and base64 elsewhere, found out once", async () => {
    const bridge = await startBridge();
    const types = [];
    const watched = (url, init) => {
      types.push([new URL(url).pathname, init.headers["content-type"]]);
      return fetch(url, init);
    };
    const options = { serializer: messagePackSerializer, fetch: watched, timeout: "5m" };
    try {
      const one = new HttpCache({ url: bridge.url, token: bridge.token, ...options });
      await Promise.all([one.set("a", new Map([[1, 2]])), one.get("a")]);
      assert.deepEqual((await one.getWithTtl("a")).value, new Map([[1, 2]]));
      assert.deepEqual(types, [
        ["/pipeline", "application/x-resp"],
        ["/pipeline", "application/x-resp"],
      ]);
    } finally {
      await bridge.close();
    }
    types.length = 0;
    const one = cache(options);
    const [, , found] = await Promise.all([one.set("a", "é"), one.set("b/c", 2n, "1m"), one.get("a"), one.delete("x")]);
    assert.equal(found, "é");
    assert.deepEqual(types, [
      ["/pipeline", "application/x-resp"],
      ["/SET/a", "application/octet-stream"],
      ["/SET/b%2Fc", "application/octet-stream"],
      ["/pipeline", "application/json"],
    ]);
    assert.deepEqual(await one.getWithTtl("b/c"), { value: 2n, ttl: 60 });
    assert.equal(types.length, 5);
  });
});

describe("close", () => {
  test("waits for requests in progress, and accepts none afterwards", async () => {
    const one = cache();
    const set = one.set("a", 1);
    await one.close();
    assert.equal(server.count("SET"), 1);
    await set;
    await one.close();
    const closed = /this HttpCache is closed/;
    await assert.rejects(one.get("a"), closed);
    await assert.rejects(one.namespace("n").set("a", 1), closed);
    await assert.rejects(one.clearPattern("a*"), closed);
    await assert.rejects(one.getStats(), closed);
    assert.equal(server.requests.length, 1);
  });

  test("closes its connections", async () => {
    // Of its own, since connections of other tests may still be closing.
    const own = await startForeign();
    try {
      const [one, other] = [1, 2].map(() => new HttpCache({ url: own.url, token: own.token, timeout: "5m" }));
      await Promise.all([one.get("a"), other.get("a")]);
      assert.equal(await own.connections(), 2);
      await one.close();
      await eventually("one connection to be left", async () => ((await own.connections()) === 1 ? true : undefined));
      await other.get("a");
      assert.equal(await own.connections(), 1);
      await other.close();
    } finally {
      await own.close();
    }
  });
});
