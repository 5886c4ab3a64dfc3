// A ttl is parsed where it is given. A provider of the user's gets it in one documented form, whatever the form it was given
// in; the providers of the package get a number of milliseconds, also from another copy of the package.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Cache, loaded, MemoryCache, RateLimiter, SessionStore, Tagged } from "isocache";
// The file for pages without a bundler, with everything in it.
import * as other from "../../pkg/dist/index.js";

/** A provider of the user's that remembers the times that it is given, over a `MemoryCache`. */
function recording(memory = new MemoryCache()) {
  const times = [];
  const remember = (options) => {
    const { ttl, staleFor, ...rest } = options ?? {};
    times.push(staleFor === undefined ? ttl : [ttl, staleFor]);
    assert.deepEqual(Object.keys(rest), rest.tags ? ["tags"] : [], "nothing else is given");
    return options;
  };
  const provider = {
    times,
    get: (key) => memory.get(key),
    getMany: (keys) => memory.getMany(keys),
    getEntry: (key) => memory.getEntry(key),
    set: (key, value, options) => memory.set(key, value, remember(options)),
    setIfAbsent: (key, value, options) => memory.setIfAbsent(key, value, remember(options)),
    replace: (key, value, options) => memory.replace(key, value, remember(options)),
    increment: (key, by, options) => memory.increment(key, by, remember(options)),
    touch: (key, ttl) => memory.touch(key, remember({ ttl }).ttl),
    getAndTouch: (key, ttl) => memory.getAndTouch(key, remember({ ttl }).ttl),
    delete: (key) => memory.delete(key),
    has: (key) => memory.has(key),
    clearPattern: (pattern) => memory.clearPattern(pattern),
    stats: () => memory.stats(),
  };
  return provider;
}

const WRITES = [
  [5, "5000ms"],
  ["5", "5000ms"],
  ["1.5s", "1500ms"],
  [0.057, "57ms"],
  ["0.1ms", "1ms"],
  ["2h", "7200000ms"],
  [null, null],
  [Number.POSITIVE_INFINITY, null],
  [undefined, undefined],
  [{ ttl: "5m", staleFor: "1h" }, ["300000ms", "3600000ms"]],
  [{ ttl: "5m", staleFor: Number.POSITIVE_INFINITY }, ["300000ms", Number.POSITIVE_INFINITY]],
];

describe("a provider of the user's gets the documented form", () => {
  for (const [given, wanted] of WRITES) {
    test(`of ${JSON.stringify(given)}`, async () => {
      const provider = recording();
      const cache = new Cache({ provider });
      await cache.set("a", 1, given);
      await cache.setIfAbsent("b", 1, given);
      await cache.replace("a", 2, given);
      await cache.increment("c", 1, given);
      await cache.setMany([{ key: "d", value: 1, ...(given?.ttl ? given : { ttl: given }) }]);
      const ttl = Array.isArray(wanted) ? wanted[0] : wanted;
      const tagged = new Cache({ provider: new Tagged(provider) });
      await tagged.set("e", 1, given);
      assert.deepEqual(provider.times.splice(0), Array(6).fill(wanted));
      if (typeof given !== "object" || given === null) {
        await cache.touch("a", given);
        await cache.getAndTouch("a", given);
        await cache.getOrSet("f", () => 1, given);
        await cache.getOrSet("g", () => loaded(1, { ttl: given }));
        assert.deepEqual(provider.times, [ttl, ttl, ttl, ttl]);
      }
    });
  }

  test("of the ttl of the cache, and not of one that is not given", async () => {
    const provider = recording();
    const cache = new Cache({ provider, ttl: "5m" });
    await cache.namespace("n").set("a", 1);
    await cache.touch("n:a");
    await cache.getOrSet("b", () => 1);
    assert.deepEqual(provider.times, ["300000ms", "300000ms", "300000ms"]);
  });

  test("of a subclass of MemoryCache, whose methods are the user's", async () => {
    const seen = [];
    class Counting extends MemoryCache {
      set(key, value, options) {
        seen.push(options);
        return super.set(key, value, options);
      }
    }
    const provider = new Counting({ clock: () => 1_000_000 });
    await new Cache({ provider }).set("a", 1, "5m");
    assert.deepEqual(seen, [{ ttl: "300000ms" }]);
    assert.equal(provider.ttl("a"), 300);
  });
});

describe("a number of seconds is exact to the millisecond", () => {
  test("where a product of floats is not", () => {
    const cache = new MemoryCache({ clock: () => 1_000_000 });
    for (let ms = 1; ms < 5000; ms += 7) {
      cache.set("a", 1, ms / 1000);
      assert.equal(cache.getEntry("a").freshFor, ms);
    }
    cache.set("a", 1, 0.0015);
    assert.equal(cache.getEntry("a").freshFor, 2, "a part of a millisecond counts as a whole one");
  });
});

describe("another copy of the package", () => {
  test("gives its ttl to the providers of this one", async () => {
    assert.notEqual(other.MemoryCache, MemoryCache);
    const memory = new MemoryCache({ clock: () => 1_000_000 });
    for (const provider of [memory, new Tagged(memory)]) {
      const cache = new other.Cache({ provider, ttl: "5m" });
      await cache.set("a", 1);
      assert.equal(memory.getEntry("a").freshFor, 300_000);
      await cache.set("a", 1, { ttl: "1.5s", staleFor: "1h" });
      assert.equal(memory.getEntry("a").freshFor, 1500);
      await cache.setMany([{ key: "b", value: 1, ttl: "2h" }]);
      assert.equal(memory.getEntry("b").freshFor, 7_200_000);
    }
  });
});

test("a session's ttl is that of its options", async () => {
  const memory = new MemoryCache({ clock: () => 1_000_000 });
  const sessions = new SessionStore(memory, { ttl: "20m" });
  await sessions.create({ user: 1 });
  assert.equal(memory.getEntry([...memory.keys()][0]).freshFor, 1_200_000);
});

for (const [where, make] of Object.entries({
  "a MemoryCache": () => new MemoryCache(),
  "a Cache": () => new Cache({ provider: new MemoryCache(), namespace: "n" }),
})) {
  test(`limiters and sessions give ${where} milliseconds, too`, () => inMilliseconds(make()));
}

async function inMilliseconds(memory) {
  const times = [];
  for (const [name, of] of [
    ["set", 2],
    ["replace", 2],
    ["increment", 2],
    ["incrementWithin", 2],
    ["readAndTouch", 1],
  ]) {
    const method = memory[name].bind(memory);
    memory[name] = (...args) => {
      const { ttl } = args[of];
      times.push([name, typeof ttl === "object" ? ttl.ttl : ttl]);
      return method(...args);
    };
  }
  await RateLimiter.fixedWindow(memory, 1, "1m").check("a", "e");
  await RateLimiter.tokenBucket(memory, 1, "1m").check("b", "e");
  const sessions = new SessionStore(memory, { ttl: "20m", absoluteLimit: "1h" });
  const token = await sessions.create({ name: "Ada" }, { user: 1 });
  await sessions.get(token);
  await sessions.update(token, { name: "Grace" });
  assert.deepEqual(new Set(times.map(([name]) => name)).size, 5);
  for (const [name, ttl] of times) {
    assert.equal(typeof ttl, "number", name);
  }
}
