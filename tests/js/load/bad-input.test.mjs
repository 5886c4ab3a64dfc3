// Options of a load or a write that are wrong are refused, with an error that names the option that was given.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Cache, cached, HttpCache, MemoryCache, Tagged } from "isocache";

const NOT_OPTIONS = {
  a: new Date(),
  promise: Promise.resolve(5),
  map: new Map(),
  list: [],
  set: new Set([1]),
  pattern: /x/,
};

describe("what is not an object of options", () => {
  for (const [name, given] of Object.entries(NOT_OPTIONS)) {
    test(name, async () => {
      const [memory, cache] = [new MemoryCache(), new Cache()];
      const tagged = new Cache({ provider: new Tagged(new MemoryCache()) });
      assert.throws(() => memory.set("k", 1, given), /options must be an object, not a value of type/);
      assert.throws(() => cached((id) => id, given), /options must be an object, not a value of type/);
      for (const one of [cache, tagged]) {
        await assert.rejects(one.set("k", 1, given), /options must be an object, not a value of type/);
        await assert.rejects(
          one.getOrSet("k", () => 1, given),
          /options must be an object, not a value of type/,
        );
      }
      assert.equal(memory.size, 0);
      assert.equal(await cache.has("k"), false);
    });
  }
});

describe("an error names the option", () => {
  const cache = new Cache();
  for (const name of ["ttl", "timeout", "staleWhileRevalidate", "staleIfError", "earlyRefresh", "lease"]) {
    for (const value of ["1h30m", "", "yes", {}, [], true, Number.NaN, -1, "-5m", 1e300, -Infinity]) {
      test(`${name}: ${typeof value === "object" ? JSON.stringify(value) : String(value)}`, async () => {
        let loads = 0;
        const load = () => ++loads;
        const options = name === "ttl" ? { ttl: value } : { ttl: 60, [name]: value };
        await assert.rejects(cache.getOrSet("k", load, options), (error) => {
          assert.ok(error instanceof TypeError || error instanceof RangeError, `${error}`);
          assert.ok(error.message.startsWith(`isocache: ${name} must be `), error.message);
          assert.doesNotMatch(error.message, /not null/);
          return true;
        });
        assert.equal(loads, 0);
        assert.throws(() => cached(load, options), { message: new RegExp(`^isocache: ${name} must be `) });
      });
    }
  }

  for (const signal of [{}, "abort", 5, null, () => {}]) {
    test(`signal: ${JSON.stringify(signal) ?? "a function"}`, async () => {
      await assert.rejects(
        cache.getOrSet("k", () => 1, { signal }),
        /^TypeError: isocache: signal must be an AbortSignal/,
      );
    });
  }

  test("a window where no ttl ends", async () => {
    for (const name of ["staleWhileRevalidate", "staleIfError"]) {
      await assert.rejects(
        cache.getOrSet("k", () => 1, { [name]: "1m" }),
        new RegExp(`give ttl beside .*${name}|${name} needs a ttl`),
      );
    }
  });

  test("other caches' names of options", async () => {
    const meant = {
      swr: "staleWhileRevalidate",
      grace: "staleWhileRevalidate",
      maxAge: "ttl",
      timeToLive: "ttl",
      sie: "staleIfError",
    };
    for (const [name, ours] of Object.entries(meant)) {
      await assert.rejects(
        cache.getOrSet("k", () => 1, { [name]: 5 }),
        new RegExp(`"${name}", did you mean ${ours}\\?`),
      );
    }
  });

  test("a provider in place of a cache", () => {
    for (const provider of [new MemoryCache(), new HttpCache({ url: "http://127.0.0.1:1", token: "t" })]) {
      assert.throws(
        () => cached((id) => id, { cache: provider }),
        /cache must be a Cache, as new Cache\(\{ provider \}\)/,
      );
    }
  });
});
