// What values become, and what is refused because it would come back as something else.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { runInNewContext } from "node:vm";
import { decode, encode } from "@msgpack/msgpack";
import { HttpCache } from "isocache/http";
import { messagePackSerializer as messagePack } from "isocache/msgpack";
import { startForeign } from "./support/foreign.mjs";
import { startBridge } from "./support/servers.mjs";

class User {
  name = "Ada";
}
const cycle = { a: [{}] };
cycle.a[0].b = cycle;
const deep = (levels) => {
  let value = 1;
  for (let level = 0; level < levels; level++) {
    value = [value];
  }
  return value;
};
const sparse = [1, 2];
sparse[3] = 4;

/** Values, the path of what is wrong with them, and in which words. */
const NEITHER = [
  [{ user: { tags: [1, 2, 3, undefined] } }, "$.user.tags[3]", "undefined"],
  [{ a: undefined }, "$.a", "undefined"],
  [sparse, "$[2]", "undefined"],
  [() => 1, "$", "a function"],
  [{ run() {} }, "$.run", "a function"],
  [{ toJSON: () => 1 }, "$.toJSON", "a function"],
  [Symbol("s"), "$", "a symbol"],
  [{ [Symbol("s")]: 1 }, "$", "an object with a symbol"],
  [cycle, "$.a[0].b", "a cycle"],
  [new User(), "$", "a User"],
  [{ "a b": [new User()] }, '$["a b"][0]', "a User"],
  [new Error("e"), "$", "a Error"],
  [/a/, "$", "a RegExp"],
  [Promise.resolve(), "$", "a Promise"],
  [Object("boxed"), "$", "a String"],
  [new Float64Array(1), "$", "a Float64Array"],
  [new ArrayBuffer(1), "$", "a ArrayBuffer"],
  [new WeakMap(), "$", "a WeakMap"],
  [new Date(Number.NaN), "$", "a Date"],
  [deep(501), "$[0]", "more than 500 levels"],
];
const JSON_ONLY = [
  [5n, "$", "a bigint"],
  [[Number.NaN], "$[0]", "NaN"],
  [{ a: -Infinity }, "$.a", "-Infinity"],
  [{ at: new Date(0) }, "$.at", "a Date"],
  [new Map(), "$", "a Map"],
  [[[new Set()]], "$[0][0]", "a Set"],
  [new Uint8Array(1), "$", "a Uint8Array"],
];
const MESSAGE_PACK_ONLY = [
  [{ a: "\ud800" }, "$.a", "half of a surrogate pair"],
  [{ "\udc00": 1 }, '$["\\udc00"]', "a member of a name"],
  [JSON.parse('{"__proto__": 1}'), "$.__proto__", "a member of a name"],
  [new Map([[1, [undefined]]]), "$(value 0)[0]", "undefined"],
  [new Map([[new User(), 1]]), "$(key 0)", "a User"],
  [{ a: new Set([1, () => 1]) }, "$.a(member 1)", "a function"],
];
const BOTH_CARRY = [
  ...[
    null,
    true,
    false,
    0,
    1,
    -1,
    1.5,
    5e-324,
    2 ** 31,
    -(2 ** 31),
    2 ** 32,
    2 ** 53 - 1,
    -(2 ** 53) + 1,
    2 ** 70,
    1e300,
  ],
  ...["", "a", "é😀\0", "OK", "1", "null", '"', "x".repeat(70_000), [], {}, [[]], { a: { b: [1, "2", null] } }],
  ...[Array(70_000).fill(7), { "": 1, constructor: 2, "a.b": 3 }, deep(500)],
];
const MESSAGE_PACK_CARRIES = [
  ...[Number.NaN, Infinity, -Infinity, 0n, 5n, -(2n ** 63n), 2n ** 64n, -(10n ** 50n), [2n ** 53n, 2 ** 40]],
  ...[new Date(0), new Date(-1), new Date(1.7e12), new Date(8.64e15), new Date(-8.64e15), { at: [new Date(999)] }],
  ...[new Uint8Array(), new Uint8Array([0, 0xcf, 0xd3, 255]), new Uint8Array(70_000).fill(0xcf)],
  ...[new Map(), new Map([[{ a: 1 }, new Map([[1n, new Set([2 ** 50])]])]]), new Set([1, "1", null, new Set()])],
  { all: [new Map([["k", new Uint8Array([0xcf])]]), 2 ** 45, 7n, new Date(5), Number.NaN] },
];

const shown = (value) => {
  try {
    return JSON.stringify(value).slice(0, 60);
  } catch {
    return String(typeof value);
  }
};

describe("JSON", () => {
  let server;
  let cache;
  before(async () => {
    server = await startForeign();
    cache = new HttpCache({ url: server.url, timeout: "5m", token: server.token });
  });
  after(() => server?.close());

  for (const value of BOTH_CARRY) {
    test(`carries ${shown(value)}`, async () => {
      await cache.set("key", value);
      assert.deepEqual(await cache.get("key"), value);
    });
  }
  test("carries half of a surrogate pair", async () => {
    await cache.set("key", ["\ud800", { "\udc00x": 1 }]);
    assert.deepEqual(await cache.get("key"), ["\ud800", { "\udc00x": 1 }]);
  });
  test("stores plain JSON, and reads JSON that other programs have stored", async () => {
    await cache.set("key", { a: ["é", 1] });
    assert.equal(`${server.store.entries.get("key").value}`, '{"a":["é",1]}');
    server.store.run(["SET", "key", ' { "b" : 1e2 } '].map((text) => Buffer.from(text)));
    assert.deepEqual(await cache.get("key"), { b: 100 });
  });
  for (const [value, path, what] of [...NEITHER, ...JSON_ONLY]) {
    test(`refuses ${what} at ${path}`, async () => {
      const writes = server.count("SET");
      const refused = (error) =>
        error instanceof TypeError &&
        error.message.startsWith(`isocache: the value of key "key" cannot be stored: ${path}`) &&
        error.message.includes(what) &&
        error.message.length < 400;
      await assert.rejects(cache.set("key", value), refused);
      await assert.rejects(
        cache.setMany([
          { key: "fine", value: 1 },
          { key: "key", value },
        ]),
        refused,
      );
      assert.equal(server.count("SET"), writes, "nothing is sent");
    });
  }
  test("plain objects of another realm are plain objects", async () => {
    await cache.set("key", runInNewContext("({ a: [1] })"));
    assert.deepEqual(await cache.get("key"), { a: [1] });
    await assert.rejects(cache.set("key", runInNewContext("new (class Other {})")), /a Other/);
  });
  test("a value that occurs twice is not a cycle", async () => {
    const part = { a: 1 };
    await cache.set("key", [part, part, { part }]);
    assert.deepEqual(await cache.get("key"), [part, part, { part }]);
  });
});

describe("MessagePack", () => {
  const trip = (value) => messagePack.deserialize(messagePack.serialize(value));
  for (const value of [...BOTH_CARRY, ...MESSAGE_PACK_CARRIES]) {
    test(`carries ${shown(value)}`, () => assert.deepEqual(trip(value), value));
  }
  for (const [value, path, what] of [...NEITHER, ...MESSAGE_PACK_ONLY]) {
    test(`refuses ${what} at ${path}`, () => {
      const refused = (error) =>
        error instanceof TypeError &&
        error.message.startsWith(`isocache: ${path}`) &&
        error.message.includes(` is ${what}`);
      assert.throws(() => messagePack.serialize(value), refused);
    });
  }
  test("other programs can read and write it: plain MessagePack", () => {
    const value = { id: 2 ** 40, name: "é", tags: [1, null, true], at: new Date(5), raw: new Uint8Array([1]) };
    assert.deepEqual(decode(messagePack.serialize(value)), value);
    // As Rust writes them: integers of 64 bits.
    const integers = { safe: 2n ** 40n, negative: -(2n ** 40n), large: 2n ** 63n };
    assert.deepEqual(messagePack.deserialize(encode(integers, { useBigInt64: true })), {
      safe: 2 ** 40,
      negative: -(2 ** 40),
      large: 2n ** 63n,
    });
  });
  test("bytes that are a view, or a Buffer, are those bytes", () => {
    const view = new Uint8Array([1, 2, 3, 4]).subarray(1, 3);
    assert.deepEqual(trip({ view }), { view: new Uint8Array([2, 3]) });
    assert.deepEqual(trip(Buffer.from("ab")), new Uint8Array([97, 98]));
  });

  for (const [where, start] of Object.entries({
    "the bridge": () => startBridge(),
    "another server": () => startForeign(),
  })) {
    test(`through ${where}, every byte`, async () => {
      const server = await start();
      try {
        const cache = new HttpCache({
          url: server.url,
          token: server.token,
          serializer: messagePack,
          timeout: "5m",
        });
        const bytes = new Uint8Array(256).map((_, at) => at);
        const values = [...BOTH_CARRY, ...MESSAGE_PACK_CARRIES, { bytes }].map((value, at) => ({
          key: `é/${at}`,
          value,
        }));
        await cache.setMany(values);
        const found = await cache.getMany(values.map(({ key }) => key));
        assert.deepEqual(
          found,
          values.map(({ value }) => value),
        );
        for (const { key, value } of values.slice(-10)) {
          assert.deepEqual(await cache.get(key), value);
        }
        found.at(-1).bytes.fill(0);
        assert.deepEqual(await cache.get(values.at(-1).key), { bytes });
      } finally {
        await server.close();
      }
    });
  }
  test("what is none is an error that names the key", async () => {
    const server = await startForeign();
    try {
      const cache = new HttpCache({
        url: server.url,
        timeout: "5m",
        token: server.token,
        serializer: messagePack,
        namespace: "n",
      });
      server.store.run([Buffer.from("SET"), Buffer.from("n:key"), Buffer.from([0xc1])]);
      await assert.rejects(cache.get("key"), { code: "deserialize", key: "key" });
      assert.deepEqual((await cache.getStats()).hits, 0);
    } finally {
      await server.close();
    }
  });
});

describe("text", () => {
  for (const [where, start] of Object.entries({
    "the bridge": () => startBridge(),
    "another server": () => startForeign(),
  })) {
    test(`through ${where}: stored as it is, and nothing but texts`, async () => {
      const server = await start();
      try {
        const options = { url: server.url, token: server.token, timeout: "5m" };
        const cache = new HttpCache({ ...options, serializer: "text" });
        const texts = ["", "a", '{"value":1,"tags":{}}', "null", "é\u0000\r\n😀"];
        await cache.setMany(texts.map((value, at) => ({ key: `k${at}`, value })));
        assert.deepEqual(await cache.getMany(texts.map((_, at) => `k${at}`)), texts);
        for (const value of [1, null, {}, ["a"], "\ud800"]) {
          await assert.rejects(cache.set("k0", value), /value of key "k0" cannot be stored: .*serializer "text"/);
        }
        // Tags and windows need more than a text.
        await assert.rejects(cache.set("k0", "a", { ttl: "1m", staleFor: "1m" }), /the serializer cannot store/);
        assert.equal(await cache.get("k0"), "");
        // Another client reads it as what it is.
        const json = new HttpCache({ ...options, serializer: "json" });
        await cache.set("number", "42");
        assert.equal(await json.get("number"), 42);
      } finally {
        await server.close();
      }
    });
  }

  test("an object that is not a serializer is refused", () => {
    for (const serializer of ["xml", "", 1, null, {}, { format: "text" }]) {
      assert.throws(() => new HttpCache({ url: "http://127.0.0.1", serializer }), /isocache: serializer must be/);
    }
  });
});

describe("keys", () => {
  test("of a namespace, each once, over many steps", async () => {
    const server = await startForeign();
    try {
      const cache = new HttpCache({ url: server.url, token: server.token, timeout: "5m" });
      const odd = cache.namespace("a*[b]?");
      const all = Array.from({ length: 1300 }, (_, at) => `k${at}`).sort();
      await odd.setMany(all.map((key) => ({ key, value: 1 })));
      await cache.set("aXb:k1", 2);
      const found = [];
      for await (const key of odd.keys()) {
        found.push(key);
      }
      assert.deepEqual(found.sort(), all);
      const some = [];
      for await (const key of odd.keys("k12?")) {
        some.push(key);
      }
      assert.deepEqual(some.length, 10);
      // A caller may stop early.
      for await (const key of odd.keys()) {
        assert.ok(key.startsWith("k"));
        break;
      }
      await assert.rejects(odd.keys("").next(), RangeError);
    } finally {
      await server.close();
    }
  });
});

describe("counters beside MessagePack", () => {
  test("get and getMany read the number that increment has stored", async () => {
    const bridge = await startBridge();
    try {
      const one = new HttpCache({
        ...{ url: bridge.url, token: bridge.token, timeout: "10m" },
        serializer: messagePack,
      });
      for (const [by, sum] of [
        ...[
          [0, 0],
          [7, 7],
          [41, 48],
          [1, 49],
          [8, 57],
          [1, 58],
          [-100, -42],
          [42, 0],
          [-1, -1],
        ],
        ...[[Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER - 1]],
      ]) {
        assert.equal(await one.increment("n", by), sum);
        assert.equal(await one.get("n"), sum);
        assert.deepEqual(await one.getMany(["n", "none"]), [sum, undefined]);
      }
      assert.equal(await one.getAndDelete("n"), Number.MAX_SAFE_INTEGER - 1);
    } finally {
      await bridge.close();
    }
  });

  test("no value is taken for a counter", () => {
    const values = [
      ...Array.from({ length: 300 }, (_, at) => at - 40),
      ...["7", "42", "-7", "", "0".repeat(20), [7], [52], { 7: 7 }, null, true, 48.5, 2 ** 53 - 1, 55n],
      ...[new Uint8Array([0x37]), new Uint8Array([0x34, 0x32]), new Map([[52, 48]]), new Set([49])],
    ];
    for (const value of values) {
      const bytes = messagePack.serialize(value);
      assert.deepEqual(messagePack.deserialize(bytes), value);
      assert.doesNotMatch(Buffer.from(bytes).toString("latin1"), /^-?\d+$/);
    }
  });
});
