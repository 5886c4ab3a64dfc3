// The envelope of remote entries: the vectors that Rust has too, and entries of other clients behind a real bridge.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { Cache, HttpCache, Tagged } from "isocache";
import { messagePackSerializer } from "isocache/msgpack";
import { startBridge, TOKEN } from "./support/servers.mjs";

const source = fileURLToPath(new URL("../../../pkg/src/http", import.meta.url));
const { outputFiles } = await build({
  stdin: {
    contents: 'export { opened, sealed } from "./envelope.ts"; export { jsonSerializer } from "./json.ts";',
    resolveDir: source,
  },
  ...{ bundle: true, write: false, format: "esm" },
});
const { jsonSerializer, opened, sealed } = await import(
  `data:text/javascript,${encodeURIComponent(outputFiles[0].text)}`
);
const vectors = JSON.parse(await readFile(new URL("../../vectors/envelope.json", import.meta.url), "utf8"));
const hex = (bytes) => Buffer.from(bytes).toString("hex");

for (const [name, cases, serializer, textOf, decode] of [
  ["JSON", vectors.json, jsonSerializer, (stored) => stored, (text) => JSON.parse(text)],
  [
    ...["MessagePack", vectors.message_pack, messagePackSerializer, hex],
    (text) => messagePackSerializer.deserialize(Uint8Array.from(Buffer.from(text, "hex"))),
  ],
]) {
  test(`${name}: entries are written and read as in the vectors`, () => {
    assert.ok(cases.length > 5);
    for (const { value, fresh_until: freshUntil, tags, stored, read_only: isReadOnly } of cases) {
      const found = opened(decode(stored));
      assert.deepEqual(
        [found.value, found.freshUntil, found.tags ?? {}],
        [decode(value), freshUntil, tags ?? {}],
        `read ${stored}`,
      );
      if (!isReadOnly) {
        assert.equal(textOf(sealed({ value: decode(value), freshUntil, tags }, serializer)), stored, `write ${value}`);
      }
    }
  });
}

test("a value that is not an envelope is stored and read as it is", () => {
  assert.ok(vectors.plain.length > 10);
  for (const text of vectors.plain) {
    const value = JSON.parse(text);
    assert.deepEqual(opened(value), { value }, text);
    // A number that JavaScript cannot tell from its neighbours is not written back.
    if (JSON.stringify(value) === text) {
      assert.equal(sealed({ value }, jsonSerializer), text);
      const bytes = sealed({ value }, messagePackSerializer);
      assert.deepEqual(opened(messagePackSerializer.deserialize(bytes)), { value });
    }
  }
});

describe("behind a bridge", () => {
  let bridge;
  let number = 0;
  before(async () => {
    bridge = await startBridge();
  });
  after(() => bridge?.close());
  const make = (options) =>
    new HttpCache({ url: bridge.url, token: TOKEN, timeout: "10m", namespace: `envelope-${number++}`, ...options });
  const raw = (cache, key, ...command) => cache.command(key, (whole) => [command[0], whole, ...command.slice(1)]);

  test("plain entries stay plain, others have the envelope", async () => {
    const cache = make();
    await cache.set("plain", { id: 7 }, "1h");
    assert.equal(await raw(cache, "plain", "GET"), '{"id":7}');
    const before = Date.now();
    await cache.set("stale", { id: 7 }, { ttl: "1h", staleFor: "1h" });
    const after = Date.now();
    const [, freshUntil] = /^\{"value":\{"id":7\},"fresh_until":(\d+)\}$/.exec(await raw(cache, "stale", "GET"));
    assert.ok(Number(freshUntil) >= before + 3_600_000 && Number(freshUntil) <= after + 3_600_000);
    const left = await raw(cache, "stale", "PTTL");
    assert.ok(left > 7_000_000 && left <= 7_200_000, "it is kept for both times");
    const like = { value: 1, tags: {} };
    await cache.set("like", like);
    assert.equal(await raw(cache, "like", "GET"), '{"value":{"value":1,"tags":{}},"tags":{}}');
    assert.deepEqual(await cache.getMany(["plain", "stale", "like"]), [{ id: 7 }, { id: 7 }, like]);
  });

  test("entries of older and foreign clients count as fresh until they expire", async () => {
    const cache = make();
    await raw(cache, "k", "SET", '{"name":"Ada"}', "PX", "3600000");
    const options = { ttl: "1h", staleWhileRevalidate: "2h", staleIfError: "3h" };
    const found = await new Cache({ provider: cache }).getOrSet("k", () => assert.fail("it is fresh"), options);
    assert.deepEqual(found, { name: "Ada" });
    const { freshFor } = await cache.getEntry("k");
    assert.ok(freshFor > 3_000_000 && freshFor <= 3_600_000);
    await raw(cache, "j", "SET", '{"value":"Bo","tags":{}}');
    assert.deepEqual(await cache.getEntry("j"), { value: "Bo", freshFor: null, tags: {} });
  });

  test("a stale entry is absent for plain reads, and its delete says so", async () => {
    const cache = make();
    const stale = (key) =>
      raw(cache, key, "SET", `{"value":"old","fresh_until":${Date.now() - 1000}}`, "PX", "3600000");
    await Promise.all([stale("k"), stale("j"), stale("i"), cache.set("fresh", 1)]);
    assert.equal(await cache.get("k"), undefined);
    assert.equal(await cache.has("k"), false);
    assert.deepEqual(await cache.getMany(["k", "fresh"]), [undefined, 1]);
    assert.equal(await cache.getWithTtl("k"), undefined);
    const { value, freshFor } = await cache.getEntry("k");
    assert.ok(value === "old" && freshFor < 0);
    assert.equal(await cache.delete("k"), false);
    assert.equal(await raw(cache, "k", "EXISTS"), 0, "it is removed all the same");
    assert.deepEqual(await cache.deleteMany(["j", "i", "fresh"]), 1);
  });

  for (const [name, options, counters] of [
    ["JSON", {}],
    ["MessagePack", { serializer: messagePackSerializer }, true],
  ]) {
    test(`tags and windows together, in ${name}`, async () => {
      const provider = make(options);
      const cache = new Cache({ provider: new Tagged(provider, counters ? { counters: make() } : {}) });
      const windows = { ttl: "1h", staleIfError: "1h", tags: ["org:7"] };
      await cache.getOrSet("k", () => ({ id: 7 }), windows);
      await cache.set("untagged", { id: 8 });
      const entry = await provider.getEntry("k");
      assert.deepEqual([entry.value, Object.keys(entry.tags)], [{ id: 7 }, ["org:7"]]);
      assert.ok(entry.freshFor > 3_500_000);
      assert.deepEqual(await provider.get("untagged"), { id: 8 });
      assert.deepEqual(await cache.getMany(["k", "untagged"]), [{ id: 7 }, { id: 8 }]);
      await cache.invalidateTags(["org:7"]);
      assert.deepEqual([await cache.get("k"), await cache.get("untagged")], [undefined, { id: 8 }]);
    });
  }
});
