// What each operation does, what is refused as an argument, and what is told of the server.

import assert from "node:assert/strict";
import { after, before, beforeEach, describe, test } from "node:test";
import { inspect } from "node:util";
import { CacheError, HttpCache } from "isocache/http";
import { messagePackSerializer } from "isocache/msgpack";
import { startRedis } from "../../support/redis.mjs";
import { startForeign } from "./support/foreign.mjs";
import { startBridge, TOKEN } from "./support/servers.mjs";

let server;
before(async () => {
  server = await startForeign();
});
after(() => server?.close());
beforeEach(() => server.reset());
const cache = (options) => new HttpCache({ url: server.url, timeout: "5m", token: server.token, ...options });

describe("ttls", () => {
  test("getWithTtl returns the remaining seconds, of a request that others share", async () => {
    const one = cache({ ttl: "1m" });
    await one.setMany([
      { key: "a", value: { b: 1 } },
      { key: "b", value: null, ttl: "1500ms" },
      { key: "c", value: 1, ttl: null },
    ]);
    server.store.now += 1_000;
    server.requests.length = 0;
    assert.deepEqual(await one.getWithTtl("a"), { value: { b: 1 }, ttl: 59 });
    assert.deepEqual(await one.getWithTtl("b"), { value: null, ttl: 0.5 });
    assert.deepEqual(await one.getWithTtl("c"), { value: 1, ttl: null });
    assert.equal(await one.getWithTtl("none"), undefined);
    server.store.now += 500;
    assert.equal(await one.getWithTtl("b"), undefined);
    assert.deepEqual(
      server.requests.map(({ path }) => path),
      Array(5).fill("/pipeline"),
    );
    server.requests.length = 0;
    await Promise.all([one.getWithTtl("a"), one.get("c"), one.getWithTtl("c")]);
    assert.equal(server.requests.length, 1);
    const { hits, misses } = await one.getStats();
    assert.deepEqual([hits, misses], [6, 2]);
  });

  test("a ttl beyond 2^53, as others may set it, is about right", async () => {
    const { respond } = server;
    // A bridge sends such numbers as digits.
    server.respond = () => ({ status: 200, answer: [{ result: "1" }, { result: "9223370240819725048" }] });
    try {
      assert.deepEqual(await cache().getWithTtl("a"), { value: 1, ttl: Number("9223370240819725048") / 1000 });
    } finally {
      server.respond = respond;
    }
  });

  test("set takes a ttl alone, or in an object", async () => {
    const one = cache();
    for (const [options, left] of [
      [5, 5],
      ["2m", 120],
      [{ ttl: "3ms" }, 0.003],
      [null, null],
      [undefined, null],
      [{}, null],
    ]) {
      await one.set("a", 1, options);
      assert.deepEqual(await one.getWithTtl("a"), { value: 1, ttl: left });
    }
  });
});

describe("increment", () => {
  test("counts; the first write sets the ttl", async () => {
    const one = cache();
    assert.equal(await one.increment("n"), 1);
    assert.equal(await one.increment("n", 5), 6);
    assert.equal(await one.increment("n", -10, { ttl: "1m" }), -4);
    assert.deepEqual(await one.getWithTtl("n"), { value: -4, ttl: null }, "an existing one keeps its ttl");
    assert.equal(await one.increment("m", 2, { ttl: "1m" }), 2);
    server.store.now += 30_000;
    assert.equal(await one.increment("m", 2, { ttl: "1m" }), 4);
    assert.deepEqual(await one.getWithTtl("m"), { value: 4, ttl: 30 });
    server.store.now += 30_000;
    assert.equal(await one.increment("m", 2, { ttl: "1m" }), 2);
    assert.equal(await cache({ ttl: "5s" }).increment("d", 0), 0);
    assert.equal((await one.getWithTtl("d")).ttl, 5);
  });

  test("beyond what a number holds exactly, or 64 bits: RangeError", async () => {
    const one = cache();
    await one.increment("n", Number.MAX_SAFE_INTEGER);
    await assert.rejects(one.increment("n"), RangeError);
    server.store.run(["SET", "o", "9223372036854775807"].map((text) => Buffer.from(text)));
    await assert.rejects(one.increment("o"), { name: "RangeError", message: /64 bits/ });
    for (const by of [0.5, Number.NaN, 2 ** 53, Infinity]) {
      await assert.rejects(one.increment("n", by), RangeError);
    }
    await assert.rejects(one.increment("n", "1"), TypeError);
    await assert.rejects(one.increment("n", 1, { ttl: 0 }), RangeError);
  });

  test("of a value that is not a counter: deserialize, with the key and the remedy", async () => {
    const one = cache({ namespace: "n" });
    await one.set("a", "text");
    // As bytes, 5 is not what Redis counts with.
    await cache({ namespace: "n", serializer: messagePackSerializer }).set("b", 5);
    for (const key of ["a", "b"]) {
      const message = new RegExp(`not a counter .key "${key}".; delete it, or set it as JSON`);
      await assert.rejects(one.increment(key), { code: "deserialize", key, message });
      await assert.rejects(one.increment(key, 1, { ttl: "1m" }), { code: "deserialize", key, message });
      await one.delete(key);
      assert.equal(await one.increment(key), 1);
    }
    await one.set("c", 5);
    assert.equal(await one.increment("c"), 6, "as JSON, it is");
  });

  test("counts on, however many count at once", async () => {
    const bridge = await startBridge();
    try {
      const counters = [1, 2, 3].map(
        () => new HttpCache({ url: bridge.url, token: TOKEN, timeout: "5m", batch: false }),
      );
      const sums = await Promise.all(
        Array.from({ length: 90 }, (_, at) => counters[at % 3].increment("n", 1, at % 2 ? { ttl: "1h" } : undefined)),
      );
      assert.deepEqual(
        sums.toSorted((a, b) => a - b),
        Array.from({ length: 90 }, (_, at) => at + 1),
      );
    } finally {
      await bridge.close();
    }
  });
});

describe("statistics", () => {
  test("entries are counted where that is exact", async () => {
    const one = cache();
    assert.equal((await one.getStats()).entries, 0);
    await one.setMany([
      { key: "a", value: 1 },
      { key: "b", value: 1 },
    ]);
    assert.equal((await one.getStats()).entries, 2);
    await one.set("c", 1, "1m");
    assert.equal((await one.getStats()).entries, undefined);
    assert.equal((await one.namespace("n").getStats()).entries, undefined);
  });

  for (const store of ["memory", "redis"]) {
    test(`entries of the bridge over ${store}`, async () => {
      const redis = store === "redis" ? await startRedis() : undefined;
      const bridge = await startBridge("--store", redis?.url ?? "memory");
      try {
        const one = new HttpCache({ url: bridge.url, token: TOKEN, timeout: "5m" });
        await one.set("a", 1);
        assert.equal((await one.getStats()).entries, 1);
        await one.set("b", 1, "1h");
        assert.notEqual((await one.getStats()).entries, 1);
      } finally {
        await bridge.close();
        await redis?.close();
      }
    });
  }

  test("are told while the server is away", async () => {
    const one = cache();
    await one.set("a", 1);
    await one.get("a");
    const { respond } = server;
    server.respond = () => ({ status: 500, answer: {} });
    try {
      const { entries, hits, sets, hitRate, bytes } = await one.getStats();
      assert.deepEqual([entries, hits, sets, hitRate, bytes], [undefined, 1, 1, 1, undefined]);
    } finally {
      server.respond = respond;
    }
  });

  test("namespaces are counted together; failures are not counted", async () => {
    const one = cache();
    await one.namespace("n").set("a", 1);
    await one.namespace("n").get("a");
    await assert.rejects(one.set("", 1));
    await assert.rejects(one.get(""));
    const { hits, misses, sets } = await one.getStats();
    assert.deepEqual([hits, misses, sets], [1, 0, 1]);
  });
});

describe("namespaces", () => {
  test("nest, and reach nothing else", async () => {
    const one = cache({ namespace: "a" });
    await one.namespace("b*").set("k", 1);
    await one.set("k", 2);
    const other = cache();
    assert.equal(await other.get("a:b*:k"), 1);
    await other.set("a:bx:k", 3);
    assert.equal(await one.namespace("b*").clearPattern("*"), 1);
    assert.deepEqual(await other.getMany(["a:b*:k", "a:k", "a:bx:k"]), [undefined, 2, 3]);
    await one.clear();
    assert.deepEqual(await other.getMany(["a:k", "a:bx:k"]), [undefined, undefined]);
  });
});

describe("arguments", () => {
  const url = "https://cache.example";
  for (const [options, name] of [
    [undefined, "options"],
    [{}, "url"],
    [{ url: 5 }, "url"],
    [{ url: "cache.example" }, "url"],
    [{ url: "ftp://cache.example" }, "url"],
    [{ url: "https://user:secret@cache.example" }, "url"],
    [{ url: "https://cache.example/?_token=secret" }, "url"],
    [{ url: "https://cache.example/#secret" }, "url"],
    [{ url: "http://cache.example" }, "plain http"],
    [{ url: "http://127.0.0.1.example" }, "plain http"],
    [{ url: "http://localhost.example" }, "plain http"],
    [{ url: "http://10.0.0.1" }, "plain http"],
    [{ url, token: "" }, "token"],
    [{ url, token: "secret\n" }, "token"],
    [{ url, token: 5 }, "token"],
    [{ url, namespace: "" }, "key"],
    [{ url, timeout: 0 }, "timeout"],
    [{ url, timeout: 2000 }, "timeout"],
    [{ url, timeout: null }, "timeout"],
    [{ url, timeout: "11m" }, "timeout"],
    [{ url, retries: -1 }, "retries"],
    [{ url, retries: 11 }, "retries"],
    [{ url, breaker: { failures: 0 } }, "breaker.failures"],
    [{ url, breaker: { cooldown: 0 } }, "breaker.cooldown"],
    [{ url, breaker: { colour: 1 } }, "colour"],
    [{ url, breaker: 5 }, "object"],
    [{ url, batch: { maxCommands: 1 } }, "batch.maxCommands"],
    [{ url, batch: { maxBytes: 0 } }, "batch.maxBytes"],
    [{ url, batch: "no" }, "object"],
    [{ url, serializer: {} }, "serializer"],
    [{ url, serializer: JSON }, "serializer"],
    [{ url, fetch: 5 }, "fetch"],
    [{ url, clock: 5 }, "clock"],
    [{ url, ttl: 0 }, "ttl"],
    [{ url, ttl: "5 minutes" }, "ttl"],
    [{ url, maxResponseBytes: 0 }, "maxResponseBytes"],
    [{ url, allowInsecure: "yes" }, "allowInsecure"],
    [{ url, keepalive: true }, "keepalive"],
  ]) {
    test(`${inspect(options)} is refused, naming ${name}`, () => {
      assert.throws(
        () => new HttpCache(options),
        (error) =>
          (error instanceof TypeError || error instanceof RangeError) &&
          error.message.startsWith("isocache: ") &&
          error.message.includes(name) &&
          !error.message.includes("secret"),
      );
    });
  }
  for (const url of [
    ...[
      "https://cache.example",
      "https://cache.example:8443/path/",
      new URL("https://cache.example"),
      "http://localhost:1",
    ],
    ...["http://a.localhost", "http://127.1.2.3", "http://[::1]:80"],
  ]) {
    test(`${url} is taken`, () => assert.equal(new HttpCache({ url }).breakerState, "closed"));
  }
  test("plain http elsewhere, if it is allowed", () => {
    new HttpCache({ url: "http://cache.example", allowInsecure: true });
  });

  test("a path before the protocol's own", async () => {
    const paths = [];
    const fetch = async (url) => {
      paths.push(url);
      return new Response('[{"result":null}]');
    };
    for (const path of ["", "/", "/x", "/x/y/"]) {
      await new HttpCache({ url: `https://h${path}`, fetch }).get("a");
    }
    assert.deepEqual(paths, [
      "https://h/pipeline",
      "https://h/pipeline",
      "https://h/x/pipeline",
      "https://h/x/y/pipeline",
    ]);
  });

  test("of operations", async () => {
    const one = cache();
    for (const refused of [
      () => one.get(""),
      () => one.get("\ud800"),
      () => one.get(5),
      () => one.getMany("a"),
      () => one.getMany(["a", ""]),
      () => one.set("a", undefined),
      () => one.set("a", 1, "soon"),
      () => one.set("a", 1, { ttl: -1 }),
      () => one.setMany([null]),
      () => one.setMany({}),
      () => one.deleteMany([1]),
      () => one.clearPattern(""),
      () => one.clearPattern(5),
      () => one.getWithTtl(""),
      () => one.increment(""),
      async () => one.namespace(""),
    ]) {
      await assert.rejects(refused(), (error) => error instanceof TypeError || error instanceof RangeError);
    }
    assert.equal(server.requests.length, 0);
  });
});

test("nothing happens before the first operation: no clock, no timer, no randomness, no request", () => {
  const forbidden = () => {
    throw new Error("forbidden");
  };
  const real = [Date.now, setTimeout, Math.random, globalThis.fetch];
  [Date.now, globalThis.setTimeout, Math.random, globalThis.fetch] = [forbidden, forbidden, forbidden, forbidden];
  try {
    const one = new HttpCache({ url: "https://cache.example", token: forbidden, clock: forbidden, ttl: "5m" });
    one.namespace("n");
    assert.equal(one.breakerState, "closed");
  } finally {
    [Date.now, globalThis.setTimeout, Math.random, globalThis.fetch] = real;
  }
});

test("neither the object nor its errors show the token", async () => {
  const token = "very-secret-token";
  for (const fetch of [
    undefined,
    async () => {
      throw new Error(`bad header ${token}`, { cause: new Error(token) });
    },
  ]) {
    const one = cache({ token, fetch });
    assert.ok(!inspect(one, { depth: 9, showHidden: true }).includes(token));
    const error = await one.get("a").catch((error) => error);
    assert.ok(error instanceof CacheError);
    assert.ok(!inspect(error, { depth: 9, showHidden: true }).includes(token), inspect(error));
  }
});

test("a program that replaces fetch sees what is sent", async () => {
  const real = globalThis.fetch;
  let seen = 0;
  globalThis.fetch = (...request) => {
    seen++;
    return real(...request);
  };
  try {
    await cache().get("a");
    assert.equal(seen, 1);
  } finally {
    globalThis.fetch = real;
  }
});

test("answers without a length, and packed ones, are read", async () => {
  const text = JSON.stringify([{ result: JSON.stringify("é".repeat(100_000)) }]);
  const whole = new TextEncoder().encode(text);
  const inParts = () =>
    new ReadableStream({
      start(controller) {
        // In the middle of a character.
        for (let at = 0; at < whole.length; at += 1001) {
          controller.enqueue(whole.subarray(at, at + 1001));
        }
        controller.close();
      },
    });
  for (const answer of [
    () => new Response(inParts()),
    () => new Response(inParts(), { headers: { "content-length": "5", "content-encoding": "gzip" } }),
    () => new Response(text, { headers: { "content-length": `${whole.length}` } }),
  ]) {
    const one = cache({ fetch: async () => answer() });
    assert.equal(await one.get("a"), "é".repeat(100_000));
    const bounded = cache({ fetch: async () => answer(), maxResponseBytes: 100_000 });
    await assert.rejects(bounded.get("a"), { code: "protocol", message: /maxResponseBytes/ });
  }
});
