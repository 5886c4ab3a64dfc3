// Arguments that are wrong are refused with a TypeError or RangeError that names them, and change nothing.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Cache, MemoryCache } from "isocache";
import { refuses, rejects, state } from "./support/bad-input.mjs";

const SURROGATES = ["\ud800", "a\udfff", "\ud83d:x", "\udc00\ud800"];
const WRONG_TYPES = [undefined, null, 1, Number.NaN, 1n, true, Symbol("s"), {}, [], ["a"], () => "a", new String("a")];
const TOO_LONG = ["a".repeat(65_537), "é".repeat(32_769), "€".repeat(21_846), "😀".repeat(16_385)];
const LONGEST = ["a".repeat(65_536), "é".repeat(32_768), `${"€".repeat(21_845)}a`, "😀".repeat(16_384)];

const KEYED = {
  get: (cache, key) => cache.get(key),
  peek: (cache, key) => cache.peek(key),
  has: (cache, key) => cache.has(key),
  exists: (cache, key) => cache.exists(key),
  ttl: (cache, key) => cache.ttl(key),
  delete: (cache, key) => cache.delete(key),
  set: (cache, key) => cache.set(key, 1),
  getMany: (cache, key) => cache.getMany(["fine", key]),
  setMany: (cache, key) =>
    cache.setMany([
      { key: "fine", value: 2 },
      { key, value: 1 },
    ]),
  deleteMany: (cache, key) => cache.deleteMany(["fine", key]),
};

describe("keys", () => {
  for (const sized of [false, true]) {
    for (const [method, call] of Object.entries(KEYED)) {
      test(`MemoryCache.${method}${sized ? " with sizeOf" : ""}`, () => {
        const cache = new MemoryCache(sized ? { sizeOf: () => 1 } : {});
        cache.set("fine", 1);
        const before = state(cache);
        for (const key of WRONG_TYPES) {
          refuses(() => call(cache, key), TypeError, "key");
        }
        for (const key of ["", ...TOO_LONG]) {
          refuses(() => call(cache, key), RangeError, "key");
        }
        // No entry can have such a key, so looking for one finds nothing. Storing one is refused.
        for (const key of method.startsWith("set") ? SURROGATES : []) {
          refuses(() => call(cache, key), RangeError, "key");
        }
        assert.deepEqual(state(cache), before);
      });
    }
  }

  for (const [method, call] of Object.entries(KEYED)) {
    if (method !== "peek" && method !== "ttl") {
      test(`Cache.${method}`, async () => {
        const memory = new MemoryCache();
        memory.set("fine", 1);
        const before = state(memory);
        for (const cache of [new Cache({ provider: memory }), new Cache({ provider: memory, namespace: "n" })]) {
          for (const key of WRONG_TYPES) {
            await rejects(call(cache, key), TypeError, "key");
          }
          for (const key of ["", ...TOO_LONG, ...(method.startsWith("set") ? SURROGATES : [])]) {
            await rejects(call(cache, key), RangeError, "key");
          }
        }
        assert.deepEqual(state(memory), before);
      });
    }
  }

  test("of 64 KiB are keys", () => {
    const cache = new MemoryCache();
    for (const key of LONGEST) {
      cache.set(key, key.length);
      assert.equal(cache.get(key), key.length);
      assert.equal(cache.clearPattern(`${key[0] === "\ud83d" ? "😀" : key[0]}*`), 1);
    }
  });

  test("a namespace counts towards the length", async () => {
    const users = new Cache({ namespace: "user" });
    await users.set("a".repeat(65_531), 1);
    await rejects(users.set("a".repeat(65_532), 1), RangeError, "key");
    await rejects(users.get("a".repeat(65_532)), RangeError, "key");
  });

  test("that look like members of objects are just keys", () => {
    const cache = new MemoryCache();
    for (const key of [
      "__proto__",
      "constructor",
      "toString",
      "hasOwnProperty",
      "0",
      "-1",
      "NaN",
      " ",
      "\0",
      "\u2028",
    ]) {
      assert.equal(cache.get(key), undefined);
      cache.set(key, { key });
      assert.deepEqual(cache.get(key), { key });
    }
    assert.equal(cache.size, 10);
  });
});

describe("values", () => {
  test("undefined is refused", async () => {
    const cache = new MemoryCache();
    cache.set("a", 1);
    refuses(() => cache.set("a", undefined), TypeError, "value");
    refuses(() => cache.setMany([{ key: "b", value: 1 }, { key: "a" }]), TypeError, "value");
    assert.deepEqual([...cache], [["a", 1]]);
    await rejects(new Cache().set("a", undefined), TypeError, "value");
    await rejects(new Cache().setMany([{ key: "a" }]), TypeError, "value");
  });

  test("everything else is a value", () => {
    const cache = new MemoryCache();
    for (const value of [null, false, 0, -0, Number.NaN, "", 0n, Symbol("s"), () => 1, [], new Map()]) {
      cache.set("a", value);
      assert.ok(Object.is(cache.get("a"), value));
      assert.ok(Object.is(cache.peek("a"), value));
      assert.equal(cache.has("a"), true);
    }
  });
});

describe("limits", () => {
  const NOT_WHOLE = [0, -1, 0.5, 1.5, Number.NaN, -Infinity, 2 ** 53];
  const NOT_NUMBERS = [null, "10", "", 10n, true, {}, [10], Symbol("s"), () => 10];

  test("maxEntries", () => {
    const cache = new MemoryCache({ maxEntries: 2 });
    cache.set("a", 1).set("b", 2);
    for (const entries of [...NOT_WHOLE, 2 ** 24 + 1, 2 ** 32, 2 ** 32 + 1]) {
      refuses(() => new MemoryCache({ maxEntries: entries }), RangeError, "maxEntries");
      refuses(() => new Cache({ maxEntries: entries }), RangeError, "maxEntries");
      refuses(() => cache.resize(entries), RangeError, "maxEntries");
    }
    for (const entries of NOT_NUMBERS) {
      refuses(() => new MemoryCache({ maxEntries: entries }), TypeError, "maxEntries");
      refuses(() => cache.resize(entries), TypeError, "maxEntries");
    }
    refuses(() => cache.resize(), TypeError, "maxEntries");
    assert.deepEqual(cache.limits, { maxEntries: 2, maxBytes: Number.POSITIVE_INFINITY });
    assert.equal(cache.size, 2);
    assert.equal(new MemoryCache({ maxEntries: 2 ** 24 }).set("a", 1).get("a"), 1);
  });

  test("maxBytes", () => {
    const sizeOf = () => 1;
    const cache = new MemoryCache({ maxBytes: 2, sizeOf });
    cache.set("a", 1).set("b", 2);
    for (const bytes of NOT_WHOLE) {
      refuses(() => new MemoryCache({ maxBytes: bytes, sizeOf }), RangeError, "maxBytes");
      refuses(() => cache.resize(1, bytes), RangeError, "maxBytes");
    }
    for (const bytes of NOT_NUMBERS) {
      refuses(() => new MemoryCache({ maxBytes: bytes, sizeOf }), TypeError, "maxBytes");
      refuses(() => cache.resize(1, bytes), TypeError, "maxBytes");
    }
    assert.deepEqual(cache.limits, { maxEntries: Number.POSITIVE_INFINITY, maxBytes: 2 });
    assert.equal(cache.size, 2);
  });

  test("maxBytes without sizeOf", () => {
    refuses(() => new MemoryCache({ maxBytes: 10 }), TypeError, "sizeOf");
    refuses(() => new Cache({ maxBytes: 10 }), TypeError, "sizeOf");
    const cache = new MemoryCache();
    refuses(() => cache.resize(5, 10), TypeError, "sizeOf");
    assert.equal(cache.limits.maxEntries, 1000);
  });
});

describe("options", () => {
  test("that are no object", () => {
    for (const options of [null, 1, "a", true, 1n, Symbol("s"), () => ({})]) {
      refuses(() => new MemoryCache(options), TypeError, "options");
      refuses(() => new Cache(options), TypeError, "options");
    }
  });

  test("of unknown names", () => {
    const provider = new MemoryCache();
    for (const [make, name] of [
      [() => new MemoryCache({ max: 5 }), "max"],
      [() => new MemoryCache({ maxAge: undefined }), "maxAge"],
      [() => new MemoryCache({ namespace: "a" }), "namespace"],
      [() => new Cache({ capacity: 5 }), "capacity"],
      [() => new Cache({ provider, maxEntries: 5 }), "maxEntries"],
    ]) {
      refuses(make, TypeError, name);
    }
  });

  test("of wrong types", () => {
    for (const wrong of [null, 1, "f", {}, true, Symbol("s")]) {
      refuses(() => new MemoryCache({ sizeOf: wrong }), TypeError, "sizeOf");
      refuses(() => new MemoryCache({ clock: wrong }), TypeError, "clock");
      refuses(() => new MemoryCache({ onRemoval: wrong }), TypeError, "onRemoval");
    }
    for (const wrong of [null, 1, 0, "true", {}, Symbol("s")]) {
      refuses(() => new MemoryCache({ clone: wrong }), TypeError, "clone");
    }
    for (const wrong of [null, 1, "memory", {}, [], new Map(), () => 1, { get() {} }]) {
      refuses(() => new Cache({ provider: wrong }), TypeError, "provider");
    }
  });

  test("that cannot be shown in a message", () => {
    for (const wrong of [Object.create(null), { toString: null, valueOf: null }]) {
      refuses(() => new MemoryCache({ clone: wrong }), TypeError, "clone");
      refuses(() => new MemoryCache({ ttl: wrong }), TypeError, "ttl");
      refuses(() => new MemoryCache().set("a", 1, { ttl: wrong }), TypeError, "ttl");
    }
  });

  test("that are frozen, or undefined, are fine", () => {
    const cache = new MemoryCache(
      Object.freeze({ maxEntries: 2, ttl: undefined, sizeOf: undefined, clone: undefined }),
    );
    cache.set("a", 1, Object.freeze({ ttl: "5m" }));
    cache.setMany(Object.freeze([Object.freeze({ key: "b", value: 2 })]));
    assert.deepEqual(cache.getMany(Object.freeze(["a", "b"])), [1, 2]);
    assert.equal(new MemoryCache(undefined).limits.maxEntries, 1000);
  });
});

describe("lists", () => {
  const NO_LISTS = [undefined, null, 1, {}, "keys", new Set(["a"])];
  for (const [method, name] of [
    ["getMany", "keys"],
    ["deleteMany", "keys"],
    ["setMany", "entries"],
  ]) {
    test(method, async () => {
      const cache = new MemoryCache();
      for (const list of NO_LISTS) {
        refuses(() => cache[method](list), TypeError, name);
        await rejects(new Cache({ provider: cache })[method](list), TypeError, name);
      }
    });
  }

  test("setMany with an entry that is none", async () => {
    const cache = new MemoryCache();
    for (const entry of [undefined, null, 1, "a", ["a", 1]]) {
      refuses(() => cache.setMany([{ key: "a", value: 1 }, entry]), TypeError, "");
      await rejects(new Cache({ provider: cache }).setMany([{ key: "a", value: 1 }, entry]), TypeError, "");
    }
    assert.equal(cache.size, 0);
  });

  test("empty lists", () => {
    const cache = new MemoryCache();
    assert.deepEqual([cache.getMany([]), cache.setMany([]), cache.deleteMany([])], [[], undefined, 0]);
  });
});

describe("patterns", () => {
  test("of wrong types, and empty", async () => {
    const memory = new MemoryCache();
    memory.set("a", 1);
    const cache = new Cache({ provider: memory });
    for (const pattern of WRONG_TYPES) {
      refuses(() => memory.clearPattern(pattern), TypeError, "pattern");
      await rejects(cache.clearPattern(pattern), TypeError, "pattern");
    }
    refuses(() => memory.clearPattern(""), RangeError, "pattern");
    await rejects(cache.clearPattern(""), RangeError, "pattern");
    assert.equal(memory.size, 1);
  });

  test("with half a surrogate pair", async () => {
    const cache = new MemoryCache();
    cache.set("😀a", 1).set("\ufffd", 2).set("b\ufffd", 3);
    for (const pattern of ["\ud83d*", "\ud83d*a", "?\ud83d", "*\ud800", "\udc00"]) {
      refuses(() => cache.clearPattern(pattern), RangeError, "pattern");
      await rejects(new Cache({ provider: cache }).clearPattern(pattern), RangeError, "pattern");
    }
    assert.equal(cache.size, 3);
    assert.equal(cache.clearPattern("😀*"), 1);
  });

  test("of any length", () => {
    const cache = new MemoryCache();
    cache.set("a".repeat(65_536), 1);
    assert.equal(cache.clearPattern(`${"a*".repeat(500_000)}b`), 0);
    assert.equal(cache.clearPattern("[".repeat(100_000)), 0);
    assert.equal(cache.clearPattern("*".repeat(1_000_000)), 1);
  });
});

test("namespaces", async () => {
  const cache = new Cache();
  for (const prefix of WRONG_TYPES) {
    refuses(() => cache.namespace(prefix), TypeError, "");
    if (prefix !== undefined) {
      refuses(() => new Cache({ namespace: prefix }), TypeError, "");
    }
  }
  for (const prefix of ["", ...TOO_LONG]) {
    refuses(() => cache.namespace(prefix), RangeError, "");
    refuses(() => new Cache({ namespace: prefix }), RangeError, "");
  }
});
