// A cache that does nothing is reported, once.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Cache, cached, HttpCache, MemoryCache } from "isocache";
import { nowhere } from "../http/support/faults.mjs";
import { Remote } from "./provider.mjs";

/** What the console is told while `work` runs. */
async function warnings(t, work) {
  const lines = [];
  const mocked = t.mock.method(console, "warn", (...args) => lines.push(args.join(" ")));
  await work();
  mocked.mock.restore();
  return lines;
}

describe("a store that fails is reported once for each function and cause", () => {
  test("with the key's pattern, the cause and the remedy", async (t) => {
    const cache = new Cache({
      provider: new HttpCache({ url: await nowhere(), token: "t", retries: 0, breaker: false, timeout: "5m" }),
    });
    const user = cached(async (id) => id, { key: "user:{0}", name: "getUser", cache });
    const card = cached(async (id) => id, { key: "card:{0}", name: "getCard", cache });
    const lines = await warnings(t, async () => {
      for (let id = 0; id < 5; id++) {
        assert.deepEqual([await user(id), await card(id)], [id, id]);
      }
    });
    assert.equal(lines.length, 2, lines.join("\n"));
    assert.match(
      lines[0],
      /isocache: getUser \(key "user:\{0\}"\).*every call loads.*Check its url, and that it runs\./,
    );
    assert.match(lines[1], /isocache: getCard \(key "card:\{0\}"\)/);
    assert.ok(user.stats().bypasses >= 5);
  });

  test("getOrSet: once for each group of keys", async (t) => {
    const provider = new Remote();
    provider.broken = true;
    const cache = new Cache({ provider });
    const lines = await warnings(t, async () => {
      for (const key of ["user:1", "user:2", "card:1", "single", "single"]) {
        await cache.getOrSet(key, () => 1);
      }
    });
    assert.deepEqual(
      lines.map((line) => /key "[^"]*"/.exec(line)[0]),
      ['key "user:*"', 'key "card:*"', 'key "single"'],
    );
    assert.ok(lines.every((line) => line.includes("the provider is broken") && line.includes("Check the provider.")));
  });

  test("a further cause is reported too", async (t) => {
    const provider = new Remote();
    const cache = new Cache({ provider });
    const load = cached(async () => 1, { key: "k", cache });
    const lines = await warnings(t, async () => {
      for (const name of ["One", "Two", "One"]) {
        provider.get = async () => {
          throw Object.assign(new Error(`it is ${name}`), { name });
        };
        await load();
      }
    });
    assert.equal(lines.length, 2);
  });

  test("who listens is told in its place", async (t) => {
    for (const [event, expected] of [
      ["bypass", 3],
      ["warning", 1],
    ]) {
      const provider = new Remote();
      provider.broken = true;
      const cache = new Cache({ provider });
      const load = cached(async () => 1, { key: "k:{0}", name: "load", cache });
      const heard = [];
      cache.on(event, (it) => heard.push(it));
      const lines = await warnings(t, async () => {
        // Each call fails to look, and then does not try to store.
        for (const id of [1, 2, 3]) {
          await load(id);
        }
      });
      assert.deepEqual(lines, []);
      assert.equal(heard.length, expected);
      assert.ok(heard.every(({ name, error }) => name === "load" && error.message === "the provider is broken"));
      assert.ok(event === "bypass" || (heard[0].pattern === "k:{0}" && heard[0].message.includes("every call loads")));
    }
  });

  test("a TypeError of the platform is a failure of the store, not a mistake", async (t) => {
    const provider = new Remote();
    provider.set = async () => {
      throw new TypeError("fetch failed");
    };
    const lines = await warnings(t, async () => {
      assert.equal(await new Cache({ provider }).getOrSet("k", () => 1), 1);
    });
    assert.equal(lines.length, 1);
  });
});

describe("a function that never hits", () => {
  const calls = async (fn, from, to) => {
    for (let at = from; at < to; at++) {
      await fn(at);
    }
  };

  test("says so after 100 loads, once", async (t) => {
    const load = cached(async () => 1, { key: "at:{0}", name: "load" });
    const lines = await warnings(t, () => calls(load, 0, 99));
    assert.deepEqual(lines, []);
    const more = await warnings(t, () => calls(load, 99, 400));
    assert.equal(more.length, 1);
    assert.match(more[0], /isocache: load \(key "at:\{0\}"\): there was no hit in 100 loads\. Check/);
  });

  test("one that hits says nothing, nor one that is only refreshed", async (t) => {
    const load = cached(async () => 1, { key: "at:{0}", name: "load", cache: new Cache() });
    const lines = await warnings(t, async () => {
      await calls(load, 0, 2);
      await calls(load, 0, 2);
      await calls(load, 0, 400);
      const refreshed = cached(async () => 1, { key: "refreshed", cache: new Cache() });
      await calls(refreshed.refresh, 0, 400);
    });
    assert.deepEqual(lines, []);
  });

  test("a listener is told in place of the console", async (t) => {
    const cache = new Cache();
    const heard = [];
    cache.on("warning", ({ message, pattern }) => heard.push([message, pattern]));
    const load = cached(async () => 1, { key: "at:{0}", name: "load", cache });
    const lines = await warnings(t, () => calls(load, 0, 150));
    assert.deepEqual(lines, []);
    assert.equal(heard.length, 1);
    assert.equal(heard[0][1], "at:{0}");
  });
});

test("without a name in the keys of arguments, NaN is a key as any other", async () => {
  const cache = new Cache();
  let loads = 0;
  const load = cached(async () => ++loads, { name: "load", cache });
  assert.deepEqual([await load(Number.NaN), await load(Number.NaN), await load(1)], [1, 1, 2]);
  const byPattern = cached(async () => 1, { key: "at:{0}", cache });
  await assert.rejects(byPattern(Number.NaN), /argument 0 must be a safe integer, not NaN/);
});

describe("two functions with one key on the default cache", () => {
  let number = 0;
  /** Wraps functions with a key that no other test has; the lines of the console. */
  const wrapping = (t, ...makers) => {
    const key = `shared-${number++}:{0}`;
    return warnings(t, () => {
      for (const make of makers) {
        make(key);
      }
    });
  };
  const one = async (id) => `one ${id}`;
  const other = async (id) => `other ${id}`;

  test("one warning with both names, the key and the remedy", async (t) => {
    const lines = await wrapping(
      t,
      (key) => cached(one, { key }),
      (key) => cached(other, { key }),
      (key) => cached(other, { key, ttl: "1h" }),
      (key) => cached(async (id) => id, { key }),
    );
    assert.equal(lines.length, 1, lines.join());
    for (const part of ['"one"', '"other"', `"shared-${number - 1}:{0}"`, "another key", "a cache of its own"]) {
      assert.ok(lines[0].includes(part), `${part} in ${lines[0]}`);
    }
  });

  test("also where the arguments are counted otherwise, for anonymous functions, and for one name", async (t) => {
    const swapped = (key) => cached(async (_, id) => id, { key: key.replace("0", "1") });
    assert.equal((await wrapping(t, (key) => cached(one, { key }), swapped)).length, 1);
    const anonymous = (key) => cached((() => async (id) => [id])(), { key });
    const [line] = await wrapping(t, anonymous, (key) => cached(one, { key }));
    assert.match(line, /functions \(anonymous\) and "one"/);
    const byName = await wrapping(
      t,
      (key) => cached(one, { name: key.split(":")[0] }),
      (key) => cached(other, { name: key.split(":")[0] }),
    );
    assert.equal(byName.length, 1);
  });

  test("none for the same function again, as after a hot reload or from a factory, and for caches of one's own", async (t) => {
    const factory = (key) => cached(async (id) => id, { key });
    const lines = await wrapping(
      t,
      ...[factory, factory, factory],
      (key) => cached(one, { key, cache: new Cache() }),
      (key) => cached(other, { key, cache: new Cache() }),
      (key) => cached(one, { key: () => key }),
      (key) => cached(other, { key: () => key }),
      () => cached(one),
      () => cached(other),
    );
    assert.deepEqual(lines, []);
  });
});

describe("a store that refuses a loaded value: leader and followers get one outcome", () => {
  const oversize = () => new MemoryCache({ sizeOf: () => 11, maxEntryBytes: 10 });
  const PROVIDERS = {
    "at once": oversize,
    later: () => new Remote(oversize(), () => 3),
  };
  for (const [how, make] of Object.entries(PROVIDERS)) {
    test(`${how}: each is rejected with the same error, whatever it has given`, async () => {
      const cache = new Cache({ provider: make(), ttl: "1h" });
      const load = async () => "large";
      const outcomes = await Promise.allSettled([
        cache.getOrSet("a", load),
        cache.getOrSet("a", load),
        cache.getOrSet("a", load, { signal: new AbortController().signal }),
        cache.getOrSet("a", load, { timeout: "9m" }),
        cache.getOrSet("a", load, { timeout: null }),
        cache.getOrSet("a", load, { detached: true }),
      ]);
      const reasons = outcomes.map(({ reason }) => reason);
      assert.match(reasons[0].message, /value of key "a" has size 11, over maxEntryBytes 10/);
      assert.deepEqual(
        reasons.map((reason) => reason === reasons[0]),
        Array(6).fill(true),
      );
    });

    test(`${how}: with waitUntil each gets the value, and the background is told`, async (t) => {
      const cache = new Cache({ provider: make(), ttl: "1h" });
      const background = [];
      const load = async () => "large";
      const lines = await warnings(t, async () => {
        const options = { waitUntil: (work) => background.push(work) };
        const values = [
          cache.getOrSet("b", load, options),
          cache.getOrSet("b", load),
          cache.getOrSet("b", load, options),
        ];
        assert.deepEqual(await Promise.all(values), ["large", "large", "large"]);
        await Promise.all(background);
      });
      assert.equal(lines.length, 1);
      assert.match(lines[0], /a loaded value is not stored: .*over maxEntryBytes 10/);
    });
  }
});
