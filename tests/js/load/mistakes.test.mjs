// Values and times that no store can take are the mistake of the caller, who gets the error; the cache is not blamed for them.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { Cache, cached, HttpCache, loaded, MemoryCache, Tagged } from "isocache";
import { startBridge, TOKEN } from "../http/support/servers.mjs";

/** What the console is told while `work` runs. */
async function warnings(t, work) {
  const lines = [];
  const mocked = t.mock.method(console, "warn", (...args) => lines.push(args.join(" ")));
  await work();
  mocked.mock.restore();
  return lines;
}

describe("a value that cannot be stored is the caller's mistake", () => {
  let bridge;
  let cache;
  before(async () => {
    bridge = await startBridge();
    cache = new Cache({ provider: new HttpCache({ url: bridge.url, token: TOKEN, timeout: "10m" }) });
  });
  after(() => bridge?.close());

  for (const [name, value] of [
    ["a Date", { id: 7, created: new Date(0) }],
    ["a BigInt", { id: 7n }],
    ["a Map", new Map([[1, 2]])],
    ["an undefined member", { id: 7, name: undefined }],
    ["NaN", { ratio: Number.NaN }],
    ["an object of a class", new (class Row {})()],
  ]) {
    test(`${name}, over HTTP`, async (t) => {
      const row = cached(async () => value, { key: "row:{0}", cache });
      let loads = 0;
      const lines = await warnings(t, async () => {
        for (let call = 0; call < 3; call++) {
          await assert.rejects(row(7), (error) => error instanceof TypeError && /isocache: .*JSON/.test(error.message));
          const loader = () => {
            loads++;
            return value;
          };
          const asked = [1, 2].map(() => cache.getOrSet("row", loader, "5m"));
          for (const { reason } of await Promise.allSettled(asked)) {
            assert.ok(reason instanceof TypeError, "all callers of one load hear of it");
          }
        }
      });
      assert.equal(loads, 3);
      assert.equal(row.stats().bypasses, 0);
      assert.deepEqual(lines, []);
    });
  }

  test("with windows and tags, the place in the value is named", async () => {
    const tagged = new Cache({
      provider: new Tagged(new HttpCache({ url: bridge.url, token: TOKEN, timeout: "10m" })),
    });
    const options = { ttl: "5m", staleIfError: "1h", tags: ["t"] };
    const load = () => ({ rows: [{ at: new Date(0) }] });
    await assert.rejects(tagged.getOrSet("k", load, options), /\$\.rows\[0\]\.at/);
  });

  test("a serializer that fails", async () => {
    const serializer = {
      format: "text",
      serialize() {
        throw new Error("no text for it");
      },
      deserialize: (text) => text,
    };
    const provider = new HttpCache({ url: bridge.url, token: TOKEN, timeout: "10m", serializer });
    const asked = new Cache({ provider }).getOrSet("k", () => 1);
    await assert.rejects(asked, /TypeError|value of key "k" cannot be stored: no text for it/);
  });

  test("a serializer that cannot carry windows or tags names the remedy", async () => {
    const serializer = {
      format: "text",
      serialize(value) {
        if (typeof value !== "string") {
          throw new TypeError("texts only");
        }
        return value;
      },
      deserialize: (text) => text,
    };
    const provider = new HttpCache({ url: bridge.url, token: TOKEN, timeout: "10m", serializer });
    const cache = new Cache({ provider });
    assert.equal(await cache.getOrSet("plain", () => "text", "5m"), "text");
    const asked = cache.getOrSet("k", () => "text", { ttl: "5m", staleIfError: "1m" });
    await assert.rejects(asked, (error) => error instanceof TypeError && /default \(JSON\)/.test(error.message));
  });

  test("in memory: a function under clone", async () => {
    const provider = new MemoryCache({ clone: true });
    await assert.rejects(
      new Cache({ provider }).getOrSet("k", () => () => 1),
      { name: /DataCloneError|TypeError/ },
    );
  });
});

describe("a ttl that is none is the caller's mistake", () => {
  for (const [name, ttl] of [
    ["NaN", Number.NaN],
    ["a negative number", -1],
    ["zero", 0],
    ["a text without sense", "60 s"],
    ["a promise", Promise.resolve(60)],
    ["a date", new Date()],
    ["an object", {}],
  ]) {
    test(`${name}, by a function, by loaded(), and as an option`, async () => {
      const cache = new Cache();
      const invalid = (error) => /^(TypeError|RangeError)$/.test(error.name) && /isocache: ttl/.test(error.message);
      await assert.rejects(
        cache.getOrSet("a", () => 1, { ttl: () => ttl }),
        invalid,
      );
      await assert.rejects(
        cache.getOrSet("b", () => loaded(1, { ttl })),
        invalid,
      );
      await assert.rejects(
        cache.getOrSet("c", () => 1, { ttl }),
        invalid,
      );
      const asked = cached(async () => 1, { key: "d", cache, ttl: () => ttl });
      await assert.rejects(asked(), invalid);
      assert.equal(asked.stats().bypasses, 0);
      assert.deepEqual(await cache.getMany(["a", "b", "c", "d"]), Array(4).fill(undefined));
    });
  }

  test("an old value does not hide it", async () => {
    let now = 1000;
    const cache = new Cache({ clock: () => now });
    const options = { ttl: "10s", staleIfError: "1m" };
    await cache.getOrSet("k", () => 1, options);
    now += 20_000;
    await assert.rejects(
      cache.getOrSet("k", () => 2, { ...options, ttl: () => -1 }),
      RangeError,
    );
  });

  test("in the background it is reported", async (t) => {
    let now = 1000;
    const cache = new Cache({ clock: () => now });
    await cache.getOrSet("k", () => 1, { ttl: "10s", staleWhileRevalidate: "1m" });
    now += 20_000;
    const lines = await warnings(t, async () => {
      const background = [];
      const options = {
        ttl: () => -1,
        staleWhileRevalidate: "1m",
        waitUntil: (work) => background.push(work),
      };
      assert.equal(await cache.getOrSet("k", () => 2, options), 1);
      await Promise.all(background);
    });
    assert.equal(lines.length, 1);
    assert.match(lines[0], /isocache: key "k": a loaded value is not stored: ttl must be greater than 0, not -1/);
  });
});
