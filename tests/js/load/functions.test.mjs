// Cached functions: whose results are whose, and what passes through.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Cache, cached, HttpCache, keyPattern, MemoryCache, Tagged } from "isocache";

/** A cache over a store that several programs share. Nothing is asked of it. */
const shared = () => new Cache({ provider: new HttpCache({ url: "http://127.0.0.1:1", token: "t" }) });

describe("functions without a key and a name", () => {
  test("have a space of their own, though made by one factory", async () => {
    const finder = (kind) =>
      cached(async function find(id) {
        return `${kind} ${id}`;
      });
    const [user, card] = [finder("user"), finder("card")];
    assert.deepEqual(
      [await user(7), await card(7), await user(7), await card(7)],
      ["user 7", "card 7", "user 7", "card 7"],
    );
    assert.equal(await user.invalidate(7), true);
    assert.deepEqual([await user.peek(7), await card.peek(7)], [undefined, "card 7"]);
  });

  test("without any name, too", async () => {
    const functions = [1, 2, 3].map((number) => cached(async (id) => number * id));
    assert.deepEqual(await Promise.all(functions.map((fn) => fn(10))), [10, 20, 30]);
    assert.deepEqual(
      functions.map((fn) => fn.stats().loads),
      [1, 1, 1],
    );
  });

  test("one function that is cached twice has two spaces", async () => {
    let calls = 0;
    const count = async () => ++calls;
    const [one, other] = [cached(count), cached(count)];
    assert.deepEqual([await one(), await other(), await one()], [1, 2, 1]);
  });

  test("in a given cache in memory they are apart, too", async () => {
    const cache = new Cache();
    const [one, other] = [1, 2].map((number) => cached(async () => number, { cache }));
    assert.deepEqual([await one(), await other(), await one()], [1, 2, 1]);
    assert.notEqual(one.keyFor(), other.keyFor());
  });

  test("over a shared store they are refused at once, with the remedy", () => {
    async function find() {}
    const refused = { name: "TypeError", message: /isocache: the function "find" needs the option key or name/ };
    assert.throws(() => cached(find, { cache: shared() }), refused);
    assert.throws(() => cached(find, { cache: new Cache({ provider: new Tagged(new MemoryCache()) }) }), refused);
    assert.throws(() => cached(find, { cache: shared().namespace("a") }), refused);
    assert.equal(cached(find, { cache: shared(), key: "find:{0}" }).keyFor(7), "find:7");
    assert.match(cached(find, { cache: shared(), name: "find" }).keyFor(7), /^find:/);
  });

  test("an invalid name is refused", () => {
    for (const name of ["", 7, null, "\ud800"]) {
      assert.throws(() => cached(async () => 1, { name }), /isocache: name/);
    }
  });
});

describe("keys", () => {
  test("a template literal that was meant is refused, with the remedy", () => {
    // biome-ignore lint/suspicious/noTemplateCurlyInString: it is what is tested.
    for (const pattern of ["user:${id}", "${0}:a", "a:${ id }", "a:${"]) {
      const refused = {
        name: "RangeError",
        message: /a key pattern is not a template literal.*or give a function/,
      };
      assert.throws(() => cached(async () => 1, { key: pattern }), refused, pattern);
      assert.throws(() => keyPattern(pattern), refused, pattern);
    }
    assert.equal(cached(async () => 1, { key: "price:$:{0}" }).keyFor(7), "price:$:7");
  });

  test("names of arguments are refused where only positions are known", () => {
    for (const key of ["user:{id}", "user:{0}:{name}", "user:{0a}", "user:{a.b}"]) {
      const refused = { name: "RangeError", message: /arguments are known by position: write \{0\} for the first/ };
      assert.throws(() => cached(async () => 1, { key }), refused, key);
    }
    assert.equal(keyPattern("user:{id}")({ id: 7 }), "user:7");
  });
});

describe("a cached function", () => {
  test("keeps this, the name and the length", async () => {
    class Users {
      prefix = "user";
      find = cached(async function find(id, _options) {
        return `${this.prefix} ${id}`;
      });
    }
    const users = new Users();
    assert.equal(await users.find(7, {}), "user 7");
    assert.deepEqual([users.find.name, users.find.length], ["find", 2]);
    assert.equal(await users.find.call({ prefix: "other" }, 8), "other 8");
    assert.equal(await users.find.refresh.call({ prefix: "fresh" }, 8), "fresh 8");
    assert.equal(await users.find(8), "fresh 8");
  });

  test("peek looks without a load", async () => {
    let calls = 0;
    const load = cached(async () => ++calls, { key: "peeked", cache: new Cache() });
    assert.equal(await load.peek(), undefined);
    await load();
    assert.deepEqual([await load.peek(), calls], [1, 1]);
  });

  test("clear removes its results, and no others", async () => {
    const cache = new Cache();
    const functions = [
      cached(async (id) => id, { key: "a:{0}", cache }),
      cached(async (id) => id, { name: "b", cache }),
      cached(async (id) => id, { cache }),
      cached(async (id) => id),
    ];
    await cache.set("c", "other");
    for (const fn of functions) {
      await fn(1);
      await fn(2);
      assert.equal(await fn.clear(), 2);
      assert.equal(await fn.peek(1), undefined);
      await fn(3);
    }
    assert.deepEqual([await cache.get("c"), await functions[0].peek(3), await functions[1].peek(3)], ["other", 3, 3]);
    await assert.rejects(
      cached(async (id) => id, { key: (id) => `${id}`, cache }).clear(),
      /keys that a function makes cannot be cleared; give key as a pattern/,
    );
  });

  test("tags of a function are those of its arguments", async () => {
    const cache = new Cache({ provider: new Tagged(new MemoryCache()) });
    const report = cached(async (org) => org, { key: "report:{0}", cache, tags: (org) => [`org:${org}`] });
    await Promise.all([report(7), report(8)]);
    await cache.invalidateTags(["org:7"]);
    assert.deepEqual([await report.peek(7), await report.peek(8)], [undefined, 8]);
  });
});

test("an entity of the invalidator has tags", async () => {
  const { CacheInvalidator, InvalidationError } = await import("isocache");
  const cache = new Cache({ provider: new Tagged(new MemoryCache()) });
  const teams = new CacheInvalidator(cache).entity("team").key("team:{id}").tags("team-{id}").tags("teams");
  const fill = async () => {
    await cache.set("team:7", "red");
    await cache.set("report", "7 and 8", { tags: ["team-7", "team-8"] });
    await cache.set("all", "7 and 8", { tags: ["teams"] });
  };
  const left = async () => [await cache.has("team:7"), await cache.has("report"), await cache.has("all")];
  await fill();
  assert.deepEqual(await teams.invalidate(7), { entries: 1, lists: 0 });
  assert.deepEqual(await left(), [false, false, false]);
  await fill();
  await teams.invalidate(9);
  assert.deepEqual(await left(), [true, true, false]);
  await fill();
  await teams.invalidateAll();
  assert.deepEqual(await left(), [false, true, false], "which ids there are is not known");
  await fill();
  await teams.after(async () => undefined, 8);
  assert.deepEqual(await left(), [true, false, false]);
  assert.throws(
    () => new CacheInvalidator(new MemoryCache()).entity("team").key("team:{id}").tags("team-{id}"),
    /tags need a provider that has them/,
  );
  assert.throws(() => teams.tags("a:{b}:{c}"), RangeError);
  const failing = {
    delete: () => true,
    clearPattern: () => 0,
    invalidateTags: () => Promise.reject(new Error("down")),
  };
  const entity = new CacheInvalidator(failing).entity("team").key("team:{id}").tags("team-{id}");
  await assert.rejects(entity.invalidate(7), (error) => {
    assert.ok(error instanceof InvalidationError);
    assert.deepEqual(
      error.remaining.map(({ what, error }) => [what, error.message]),
      [["tag team-7", "down"]],
    );
    assert.deepEqual(error.removed, { entries: 1, lists: 0 });
    return true;
  });
});
