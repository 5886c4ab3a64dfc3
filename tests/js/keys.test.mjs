// Keys: the vectors that Rust has too, what no other language can say, and properties over random values.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";
import vm from "node:vm";
import { globOf, keyOf, keyPattern, keys, MemoryCache } from "isocache";

const vectors = JSON.parse(readFileSync(new URL("../vectors/keys.json", import.meta.url), "utf8"));

/** What a value in the vectors stands for. */
function decoded(value) {
  if (Array.isArray(value)) {
    return value.map(decoded);
  }
  if (typeof value !== "object" || value === null) {
    return value;
  }
  const [[name, content] = []] = Object.entries(value);
  switch (name) {
    case "$int":
      return BigInt(content);
    case "$float":
      return Number(content);
    case "$bytes":
      return new Uint8Array(Buffer.from(content, "hex"));
    case "$repeat":
      return content[0].repeat(content[1]);
    case "$undefined":
      return undefined;
    case "$date":
      return new Date(content);
    default:
      // JSON.parse gives a property of the name `__proto__`; so does this.
      return Object.fromEntries(Object.entries(value).map(([name, value]) => [name, decoded(value)]));
  }
}

/** Numbers from 0 to 1, the same ones in each run. */
function random(seed) {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

describe("the shared vectors", () => {
  test("keys of patterns", () => {
    assert.ok(vectors.patterns.length >= 20);
    for (const [pattern, values, key] of vectors.patterns) {
      assert.equal(keyPattern(pattern)(decoded(values)), key, pattern);
    }
  });

  test("globs of patterns", () => {
    assert.ok(vectors.globs.length >= 10);
    for (const [pattern, values, glob] of vectors.globs) {
      assert.equal(keyPattern(pattern).glob(decoded(values)), glob, pattern);
    }
  });

  test("patterns that are refused, and where", () => {
    assert.ok(vectors.refused.length >= 17);
    for (const [pattern, at, says] of vectors.refused) {
      const isRight = (error) =>
        error instanceof RangeError && error.message.includes(says) && error.message.endsWith(`at character ${at}`);
      assert.throws(() => keyPattern(pattern), isRight, pattern);
    }
  });

  for (const { name, args, canonical, hash } of [...vectors.arguments, ...vectors.javascript]) {
    test(`arguments: ${name}: ${JSON.stringify(args).slice(0, 80)}`, () => {
      const digest = createHash("sha256").update(canonical).digest().subarray(0, 24);
      assert.equal(digest.toString("base64url"), hash, "the vector contradicts itself");
      // Twice: the second answer may come from memory.
      assert.equal(keyOf("f", decoded(args)), `f:${hash}`);
      assert.equal(keyOf("f", decoded(args)), `f:${hash}`);
    });
  }

  test("no two of them have one key unless they have one canonical form", () => {
    const all = [...vectors.arguments, ...vectors.javascript];
    assert.ok(all.length > 60);
    assert.equal(new Set(all.map(({ hash }) => hash)).size, new Set(all.map(({ canonical }) => canonical)).size);
  });
});

describe("patterns", () => {
  test("those of common use", () => {
    assert.equal(keys.user({ id: 7 }), "user:7");
    assert.equal(keys.userList({ hash: "x" }), "user_list:x");
    assert.equal(keys.session({ token: "t" }), "session:t");
    assert.equal(keys.rate({ ip: "::1", endpoint: "/a" }), "rate:%3A%3A1:/a");
    assert.deepEqual(
      Object.values(keys).map(({ pattern }) => pattern),
      ["user:{id}", "user_list:{hash}", "session:{token}", "rate:{ip}:{endpoint}"],
    );
  });

  test("values that have no text of their own are refused by name", () => {
    for (const [id, type] of [
      [undefined, TypeError],
      [null, TypeError],
      [{}, TypeError],
      [["a"], TypeError],
      [Symbol("a"), TypeError],
      [0.5, RangeError],
      [Number.NaN, RangeError],
      [2 ** 53, RangeError],
      [Number.POSITIVE_INFINITY, RangeError],
      ["\ud800", RangeError],
    ]) {
      assert.throws(
        () => keys.user({ id }),
        (error) => error instanceof type && / id /.test(error.message),
      );
    }
    assert.throws(() => keys.user(), /id must be/);
    assert.throws(() => keys.user(7), TypeError);
    assert.throws(() => keys.user({ id: 7, name: "x" }), /no parameter "name"/);
    assert.throws(() => keys.user.glob({ ID: 7 }), /no parameter "ID"/);
    assert.throws(() => keyPattern("p:{toString}")({}), /toString must be/);
    assert.throws(() => keyPattern(7), TypeError);
    assert.equal(keys.user({ id: -0 }), "user:0");
  });

  // Values of which many are near to each other, and of which each character means something somewhere.
  const next = random(7);
  const value = () => Array.from({ length: next() * 4 }, () => ":%*?[]\\a3A^-"[Math.floor(next() * 12)]).join("");

  test("different values never give one key", () => {
    const pattern = keyPattern("p:{a}:x:{b}");
    const seen = new Map();
    for (let round = 0; round < 20_000; round++) {
      const values = { a: value(), b: value() };
      const key = pattern(values);
      assert.match(key, /^p:[^:*?[\]\\]*:x:[^:*?[\]\\]*$/);
      assert.deepEqual(seen.get(key) ?? values, values);
      seen.set(key, values);
    }
    assert.ok(seen.size > 1000);
  });

  test("a glob clears exactly the keys with those values, of all with as many segments", () => {
    const patterns = ["p:{a}:{b}", "p:{a}:x", "q*:{a}:{b}", "q?:{a}:{b}"].map((pattern) => keyPattern(pattern));
    let cleared = 0;
    for (let round = 0; round < 300; round++) {
      const cache = new MemoryCache();
      const entries = Array.from({ length: 40 }, () => {
        const pattern = patterns[Math.floor(next() * 4)];
        const values = pattern.pattern.includes("{b}") ? { a: value(), b: value() } : { a: value() };
        return { key: pattern(values), pattern, values };
      });
      cache.setMany(entries.map(({ key }) => ({ key, value: 1 })));
      const { values } = entries[0];
      const [pattern] = patterns;
      const fixed = [{}, { a: values.a }, values.b === undefined ? {} : { b: values.b }, values][
        Math.floor(next() * 4)
      ];
      // The key `p:1:x` is one of `p:{a}:{b}` too.
      const split = (key) => (key.startsWith("p:") ? key.split(":").slice(1) : undefined);
      const full = { a: "*", b: "*", ...fixed };
      const wanted = entries.filter(({ key }) => {
        const parts = split(key);
        const own = split(pattern({ a: full.a, b: full.b }));
        return parts && ["a", "b"].every((name, at) => fixed[name] === undefined || parts[at] === own[at]);
      });
      const expected = new Set(wanted.map(({ key }) => key));
      assert.equal(cache.clearPattern(pattern.glob(fixed)), expected.size);
      assert.ok([...expected].every((key) => !cache.has(key)));
      cleared += expected.size;
    }
    assert.ok(cleared > 1000);
  });

  test("a glob also takes keys with more segments, as is documented", () => {
    const cache = new MemoryCache().set("user:7", 1).set("user:7:posts", 1).set("user_list:1", 1);
    assert.equal(cache.clearPattern(keys.user.glob()), 2);
  });
});

describe("the key of a function", () => {
  test("the same for equal values", () => {
    const key = keyOf("f", [{ a: 1, b: [2, "x"] }]);
    for (const equal of [
      { b: [2n, "x"], a: 1n },
      Object.assign(Object.create(null), { a: 1, b: [2, "x"] }),
      { a: 1, b: [2, "x"], c: undefined },
      vm.runInNewContext("({ a: 1, b: [2, 'x'] })"),
    ]) {
      assert.equal(keyOf("f", [equal]), key);
    }
    const bytes = keyOf("f", [new Uint8Array([1, 2])]);
    assert.equal(keyOf("f", [Buffer.from([1, 2])]), bytes);
    assert.equal(keyOf("f", [new Uint8Array([0, 1, 2]).subarray(1)]), bytes);
    assert.equal(keyOf("f", [new Uint8Array([1, 2]).buffer]), bytes);
    // biome-ignore lint/suspicious/noSparseArray: it is what is tested.
    assert.equal(keyOf("f", [[, 1]]), keyOf("f", [[undefined, 1]]));
    assert.notEqual(keyOf("f", [null, 1]), keyOf("f", [undefined, 1]));
    assert.notEqual(keyOf("f", [1]), keyOf("g", [1]));
  });

  test("a value without a canonical form is refused, with its place", () => {
    class User {
      #id = 1;
      id = () => this.#id;
    }
    const place = (value) => [{ list: ["x", value] }];
    for (const value of [
      () => 1,
      Symbol("a"),
      new User(),
      new Map(),
      new Set(),
      /a/,
      new Date(Number.NaN),
      new Float64Array(1),
      new URL("https://a.example"),
      Object.create({ inherited: 1 }),
      Object.create(Object.assign(Object.create(null), { inherited: 1 })),
      { [Symbol("hidden")]: 1 },
      Promise.resolve(),
      Object("text"),
      "\udc00",
      { "\ud800": 1 },
    ]) {
      assert.throws(() => keyOf("f", place(value)), {
        name: "TypeError",
        message: /^isocache: arguments\[0\]\["list"\]\[1\]/,
      });
    }
  });

  test("limits", () => {
    const nested = (depth) => (depth === 0 ? [] : [nested(depth - 1)]);
    assert.ok(keyOf("f", nested(127)));
    assert.throws(() => keyOf("f", nested(128)), RangeError);
    const circle = [];
    circle.push({ circle });
    assert.throws(() => keyOf("f", circle), RangeError);
    let doubled = ["x"];
    for (let times = 0; times < 100; times++) {
      doubled = [doubled, doubled];
    }
    assert.throws(() => keyOf("f", doubled), RangeError);
    // `[s16777202:`, the text and `]`.
    const most = 16 * 1024 * 1024 - 12;
    assert.ok(keyOf("f", ["a".repeat(most)]));
    assert.throws(() => keyOf("f", ["a".repeat(most + 1)]), RangeError);
    assert.throws(() => keyOf("f", ["é".repeat(most / 2 + 1)]), RangeError);
    assert.throws(() => keyOf("f", [new Uint8Array(most)]), RangeError);
    assert.throws(() => keyOf("", []), RangeError);
    assert.throws(() => keyOf("\ud800", []), RangeError);
    assert.throws(() => keyOf(undefined, []), TypeError);
    assert.throws(() => keyOf("f", "ab"), TypeError);
  });

  test("every length of text is hashed as Node hashes it", () => {
    for (let length = 0; length < 300; length++) {
      const text = "é".repeat(length % 7) + "b".repeat(length);
      const canonical = `[s${Buffer.byteLength(text)}:${text}]`;
      const hash = createHash("sha256").update(canonical).digest().subarray(0, 24).toString("base64url");
      assert.equal(keyOf("f", [text]), `f:${hash}`);
    }
  });

  test("names sort as their UTF-8 does", () => {
    const next = random(3);
    const units = ["a", "b", "\ud7ff", "\ue000", "\uffff", "\u{10000}", "\u{1f600}", ""];
    for (let round = 0; round < 2000; round++) {
      const name = () => units[Math.floor(next() * 8)] + units[Math.floor(next() * 8)];
      const names = [...new Set([name(), name(), name(), name()])];
      const sorted = names.toSorted?.() ?? [...names].sort();
      const bytes = sorted.sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
      const canonical = `[{${bytes.map((name) => `s${Buffer.byteLength(name)}:${name}t`).join("")}}]`;
      const hash = createHash("sha256").update(canonical).digest().subarray(0, 24).toString("base64url");
      assert.equal(keyOf("f", [Object.fromEntries(names.map((name) => [name, true]))]), `f:${hash}`);
    }
  });

  test("the memory of hashes forgets, and still answers right", () => {
    const all = Array.from({ length: 2500 }, (_, at) => keyOf("f", [at]));
    assert.equal(new Set(all).size, 2500);
    assert.ok(all.every((key, at) => key === keyOf("f", [at])));
  });

  test("the glob of a function is for its keys only", () => {
    const cache = new MemoryCache();
    for (const name of ["users", "users:find", "users*", "usersX"]) {
      cache.set(keyOf(name, [1]), name).set(keyOf(name, [2]), name);
    }
    assert.equal(cache.clearPattern(globOf("users*")), 2);
    assert.equal(cache.clearPattern(globOf("users")), 2);
    assert.deepEqual(
      new Set(cache.values?.() ?? [...cache].map(([, name]) => name)),
      new Set(["users:find", "usersX"]),
    );
    assert.throws(() => globOf(""), RangeError);
  });
});
