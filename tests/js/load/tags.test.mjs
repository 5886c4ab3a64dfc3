// Tags, case by case. What they do over every store is in scenes.mjs.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { describe, test } from "node:test";
import { Cache, cached, MemoryCache, Tagged } from "isocache";
import { Remote } from "./provider.mjs";

function tagged(store = new MemoryCache()) {
  return { store, cache: new Cache({ provider: new Tagged(store) }) };
}

describe("tags", () => {
  test("the stored format is that of the Rust crate: without tags, the plain value", async () => {
    const { store, cache } = tagged();
    await cache.set("user:1", "Ada", { tags: ["org:7", "%"] });
    await cache.set("user:2", null);
    const { value, tags } = store.get("user:1");
    assert.deepEqual([value, Object.keys(tags).sort()], ["Ada", ["%", "org:7"]]);
    assert.deepEqual([store.get("tag:org%3A7"), store.get("tag:%25")], [tags["org:7"], tags["%"]]);
    assert.equal(store.get("user:2"), null);
    assert.equal(await cache.get("user:2"), null);
    const like = { value: 1, tags: { t: 1 } };
    await cache.set("user:3", like);
    assert.deepEqual(
      store.get("user:3"),
      { value: like, tags: {} },
      "what looks like an entry with tags is put into one",
    );
    assert.deepEqual(await cache.get("user:3"), like);
  });

  test("namespaces have the same tags, and close with their cache", async () => {
    const { cache } = tagged();
    const [users, posts] = [cache.namespace("user"), cache.namespace("post")];
    await users.set("1", "Ada", { tags: ["org:7"] });
    await posts.set("1", "Hello", { tags: ["org:7"] });
    await users.invalidateTags(["org:7"]);
    assert.deepEqual([await users.get("1"), await posts.get("1")], [undefined, undefined]);
    await cache.close();
    await assert.rejects(users.invalidateTags(["a"]), /closed/);
  });

  test("what is written without tags wins over loads with tags, and the other way round", async () => {
    const { store, cache } = tagged();
    const plain = new Cache({ provider: store });
    for (const [loading, writing] of [
      [cache, plain],
      [plain, cache],
    ]) {
      let finish;
      const loaded = loading.getOrSet("k", () => new Promise((resolve) => (finish = resolve)));
      await writing.delete("k");
      finish(1);
      await loaded;
      assert.equal(store.has("k"), false);
    }
  });

  test("a store that loses a counter loses entries, and never brings any back", async () => {
    const { store, cache } = tagged();
    await cache.set("a", 1, { tags: ["t"] });
    const generation = store.get("tag:t");
    assert.ok(Number.isSafeInteger(generation) && generation > 0);
    store.delete("tag:t");
    assert.equal(await cache.get("a"), undefined);
    await cache.invalidateTags(["t"]);
    assert.equal(await cache.get("a"), undefined);
    assert.notEqual(store.get("tag:t"), generation);
    for (let at = 0; at < 20; at++) {
      await cache.invalidateTags([`lost-${at}`]);
      assert.ok(store.get(`tag:lost-${at}`) > 10_000, "one that begins with an invalidation begins far away, too");
    }
  });

  test("generations move on, and stay exact", async (t) => {
    const { store, cache } = tagged();
    t.mock.method(Math, "random", () => 1 - Number.EPSILON);
    await cache.set("a", 1, { tags: ["t"] });
    const before = store.get("tag:t");
    for (let count = 0; count < 1000; count++) {
      await cache.invalidateTags(["t"]);
    }
    const moved = store.get("tag:t") - before;
    assert.ok(moved >= 1000 && (Number.MAX_SAFE_INTEGER - before) / (moved / 1000) > 1e12, `${before}, ${moved}`);
    t.mock.method(Math, "random", () => 0);
    const then = store.get("tag:t");
    await cache.invalidateTags(["t"]);
    assert.equal(store.get("tag:t"), then + 1);
  });

  test("old values, with their remaining ttl", async () => {
    for (const make of [(store) => store, (store) => new Remote(store)]) {
      const time = { now: 1000 };
      const { cache } = tagged(make(new MemoryCache({ clock: () => time.now })));
      const options = { ttl: "10s", staleIfError: "1m", tags: ["t"] };
      const down = () => Promise.reject(new Error("down"));
      await cache.getOrSet("k", () => "old", options);
      time.now += 30_000;
      assert.equal(await cache.getOrSet("k", down, options), "old");
      await cache.invalidateTags(["t"]);
      await assert.rejects(cache.getOrSet("k", down, options), /down/);
    }
  });

  test("counters that are away: what is loaded is answered, and not stored", async () => {
    const counters = new Remote();
    const store = new MemoryCache();
    const cache = new Cache({ provider: new Tagged(store, { counters }) });
    counters.broken = true;
    const told = [];
    cache.on("bypass", ({ key, error }) => told.push([key, error.message]));
    assert.equal(await cache.getOrSet("a", () => 1, { tags: ["t"] }), 1);
    assert.equal(store.size, 0);
    assert.deepEqual(told, [["a", "the provider is broken"]]);
    await assert.rejects(
      cache.getOrSet("a", () => 1, { tags: ["t"], onError: "propagate" }),
      /broken/,
    );
    await assert.rejects(cache.set("a", 1, { tags: ["t"] }), /broken/);
    await assert.rejects(cache.invalidateTags(["t"]), /broken/);
    counters.broken = false;
    assert.equal(await cache.getOrSet("a", () => 2, { tags: ["t"] }), 2);
    assert.equal(store.size, 1);
  });

  test("a value that was stored without Tagged is read as it is", async () => {
    const { store, cache } = tagged();
    for (const foreign of ["text", 7, null, [], { value: 1 }, { value: 1, tags: null }, { tags: {}, value: 1 }]) {
      store.set("k", foreign);
      assert.deepEqual(await cache.get("k"), foreign);
      assert.deepEqual(await cache.getMany(["k"]), [foreign]);
      assert.deepEqual(await cache.getOrSet("k", () => 1), foreign);
    }
    store.set("tag:t", "text");
    await assert.rejects(cache.set("a", 1, { tags: ["t"] }), /counter/);
  });

  test("what is no tag, and what has none", async () => {
    const { store, cache } = tagged();
    for (const [tags, error] of [
      ["org:7", TypeError],
      [[7], TypeError],
      [[""], RangeError],
      [["\ud800"], RangeError],
      [["x".repeat(65_536)], RangeError],
      [Array.from({ length: 65 }, (_, at) => `${at}`), RangeError],
    ]) {
      const named = (given) => given instanceof error && /tag/.test(given.message);
      await assert.rejects(cache.set("a", 1, { tags }), named);
      await assert.rejects(cache.setMany([{ key: "a", value: 1, tags }]), named);
      await assert.rejects(
        cache.getOrSet("a", () => 1, { tags }),
        named,
      );
      if (tags.length < 65) {
        await assert.rejects(cache.invalidateTags(tags), named);
      }
    }
    assert.equal(store.size, 0);
    const plain = new Cache();
    const why = /tags need a provider that has them: new Cache\(\{ provider: new Tagged/;
    await assert.rejects(plain.set("a", 1, { tags: [] }), why);
    await assert.rejects(
      plain.getOrSet("a", () => 1, { tags: [] }),
      why,
    );
    await assert.rejects(cached(async () => 1, { name: "f", cache: plain, tags: () => [] })(), why);
    await assert.rejects(plain.invalidateTags([]), why);
    assert.throws(() => new Tagged(new Remote(), { counter: 1 }), /counter/);
    assert.throws(() => new Tagged({ get() {} }), /entries must be .* method increment/);
  });

  test("a lookup costs one getMany of counters, if there are tags", async () => {
    const counters = new MemoryCache();
    const calls = [];
    const counting = {
      async increment(key, by, options) {
        calls.push(["increment", key]);
        const sum = (counters.get(key) ?? 0) + by;
        counters.set(key, sum, options);
        return sum;
      },
      async getMany(keys) {
        calls.push(["getMany", ...keys]);
        return counters.getMany(keys);
      },
    };
    const cache = new Cache({ provider: new Tagged(new MemoryCache(), { counters: counting }) });
    const keys = Array.from({ length: 100 }, (_, n) => `k${n}`);
    await cache.setMany(keys.map((key, value) => ({ key, value, tags: ["a", "b"] })));
    await cache.set("plain", 1);
    calls.length = 0;
    assert.deepEqual(
      await cache.getMany(keys),
      keys.map((_, n) => n),
    );
    assert.deepEqual([await cache.get("k7"), await cache.get("plain"), await cache.get("absent")], [7, 1, undefined]);
    assert.deepEqual(calls.splice(0), Array(2).fill(["getMany", "tag:a", "tag:b"]));
    await cache.invalidateTags(["b"]);
    assert.deepEqual(calls, [["increment", "tag:b"]]);
    assert.ok((await cache.getMany(keys)).every((value) => value === undefined));
  });

  test("keys of counters and texts of entries are those of the vectors", async () => {
    const vectors = JSON.parse(await readFile(new URL("../../vectors/tags.json", import.meta.url), "utf8"));
    assert.ok(vectors.entries.length > 2 && vectors.keys.length > 2);
    for (const [tag, key] of vectors.keys) {
      const { store, cache } = tagged();
      await cache.invalidateTags([tag]);
      assert.deepEqual([...store.keys()], [key]);
    }
    for (const { value, tags, text } of vectors.entries) {
      const { store, cache } = tagged();
      for (const [tag, generation] of Object.entries(tags)) {
        store.set(`tag:${tag.replace(":", "%3A")}`, generation);
      }
      await cache.set("written", value, { tags: Object.keys(tags) });
      if (Object.keys(tags).length > 0) {
        assert.equal(JSON.stringify(store.get("written")), text);
      }
      store.set("read", JSON.parse(text));
      assert.deepEqual(await cache.get("read"), value);
    }
  });

  test("names that objects have anyway", async () => {
    const { cache } = tagged();
    const tags = ["__proto__", "constructor", "toString"];
    await cache.set("a", 1, { tags });
    assert.equal(await cache.get("a"), 1);
    for (const tag of tags) {
      await cache.set("a", 1, { tags });
      await cache.invalidateTags([tag]);
      assert.equal(await cache.get("a"), undefined, tag);
    }
  });
});
