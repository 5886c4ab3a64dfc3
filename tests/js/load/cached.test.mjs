// `cached`: functions, methods, keys and counts.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Cache, cached, defaultCache, keyOf, MemoryCache, setDefaultCache } from "isocache";

describe("cached", () => {
  test("runs once for the same arguments, and emits events", async () => {
    const calls = [];
    const add = cached(
      async (a, b) => {
        calls.push([a, b]);
        return a + b;
      },
      { name: "add", cache: new Cache() },
    );
    assert.deepEqual(await Promise.all([add(1, 2), add(1, 2), add(2, 1)]), [3, 3, 3]);
    assert.equal(await add(1, 2), 3);
    assert.deepEqual(calls, [
      [1, 2],
      [2, 1],
    ]);
    const { loadTime, ...stats } = add.stats();
    assert.ok(loadTime >= 0);
    const expected = {
      hits: 1,
      loads: 2,
      background: 0,
      failures: 0,
      coalesced: 1,
      stale: 0,
      bypasses: 0,
      hitRate: 0.25,
    };
    assert.deepEqual(stats, expected);
    assert.equal(add.keyFor(1, 2), keyOf("add", [1, 2]));
  });

  test("keys may be patterns of arguments, or made by a function", async () => {
    const cache = new Cache();
    const rate = cached(async () => 1, { key: "rate:{0}:{2}", cache });
    assert.equal(rate.keyFor("::1", "not named", "/"), "rate:%3A%3A1:/");
    const user = cached(async ({ id }) => id, { key: ({ id }) => `user:${id}`, cache });
    assert.equal(await user({ id: 7 }), 7);
    assert.equal(await cache.get("user:7"), 7);
    assert.equal(await user.invalidate({ id: 7 }), true);
    assert.equal(await user.invalidate({ id: 7 }), false);
  });

  test("keys that are remembered are those of their arguments, and no others", () => {
    async function find() {}
    const [byHash, byText] = [cached(find, { name: "find" }), cached(find, { key: "find:{0}" })];
    const long = "x".repeat(101);
    // More than are remembered, and each of them again.
    const many = Array.from({ length: 1500 }, (_, number) => number);
    for (const args of [
      [1],
      ["1"],
      [1n],
      [true],
      ["true"],
      [0],
      [-0],
      [""],
      ["a:b*"],
      [long],
      [1, 2],
      [1, 3],
      ...many.map((n) => [n]),
    ]) {
      for (let time = 0; time < 2; time++) {
        assert.equal(byHash.keyFor(...args), keyOf("find", args));
        const text = String(args[0]).replace(":", "%3A").replace("*", "%2A");
        assert.equal(byText.keyFor(...args), `find:${text}`);
      }
    }
    for (const args of [[], [undefined], [null], [[1]], [{ a: 1 }], [Number.NaN], [1.5]]) {
      for (let time = 0; time < 2; time++) {
        assert.equal(byHash.keyFor(...args), keyOf("find", args));
        assert.throws(() => byText.keyFor(...args), /isocache: argument 0 must be/);
      }
    }
    assert.equal(cached(find, { key: "{{0}}:{1}" }).keyFor("not named", 7), "{0}:7");
  });

  test("a key that cannot be made rejects", async () => {
    const load = async () => 1;
    for (const options of [{ key: "a:{0}" }, { name: "a" }, { key: () => assert.fail("no key") }, { key: () => "" }]) {
      const answers = cached(load, options);
      await assert.rejects(answers(() => 1));
      await assert.rejects(answers.refresh(() => 1));
    }
  });

  test("refresh runs in any case", async () => {
    let version = 0;
    const load = cached(async () => ++version, { name: "load", cache: new Cache() });
    assert.deepEqual([await load(), await load.refresh(), await load()], [1, 2, 2]);
  });

  test("has a ttl of five minutes and the default cache, by default", async () => {
    const before = defaultCache();
    const store = new MemoryCache({ clock: () => 1_000_000 });
    setDefaultCache(new Cache({ provider: store }));
    try {
      async function named(id) {
        return id;
      }
      await cached(named, { name: "named" })(1);
      assert.equal(store.ttl(keyOf("named", [1])), 300);
      await cached(named, { ttl: "1h", key: "long" })(1);
      assert.equal(store.ttl("long"), 3600);
    } finally {
      setDefaultCache(before);
    }
    assert.throws(() => setDefaultCache({}), TypeError);
  });

  test("invalid options are refused when the function is made", () => {
    assert.throws(() => cached(async () => 1, { key: "a-{0}-{1}" }), RangeError);
    assert.throws(() => cached(async () => 1, { name: "f", jitter: 7 }), /jitter/);
    assert.throws(() => cached(async () => 1, { name: "f", nonsense: 7 }), /nonsense/);
    assert.throws(() => cached(async () => 1, { name: "f", cache: {} }), /cache/);
  });

  test("methods of each instance by the decorator of the standard, as a compiler calls it", async () => {
    class Users {
      calls = 0;
      async find(id) {
        this.calls++;
        return `${id} of ${this.calls}`;
      }
    }
    const context = { kind: "method", name: "find" };
    Users.prototype.find = cached({ ttl: "1m" })(Users.prototype.find, context);
    const [one, two] = [new Users(), new Users()];
    assert.deepEqual([await one.find(1), await one.find(1), await two.find(1)], ["1 of 1", "1 of 1", "1 of 1"]);
    assert.deepEqual([one.calls, two.calls], [1, 1]);
    assert.throws(() => cached()(class {}, { kind: "class", name: "Users" }), /not for a class/);
  });

  test("methods by the decorator of TypeScript's experimentalDecorators, as a compiler calls it", async () => {
    class Users {
      calls = 0;
      async find() {
        return ++this.calls;
      }
    }
    const descriptor = Object.getOwnPropertyDescriptor(Users.prototype, "find");
    const replaced = cached({ ttl: "1m" })(Users.prototype, "find", descriptor) ?? descriptor;
    Object.defineProperty(Users.prototype, "find", replaced);
    const users = new Users();
    assert.deepEqual([await users.find(), await users.find()], [1, 1]);
    assert.throws(() => cached()(Users.prototype, "field", { value: 1 }), /methods/);
    assert.throws(() => cached({ cache: new Cache() }), /key/);
  });
});
