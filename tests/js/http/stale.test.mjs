// A stale entry, which the store still keeps for loads that tolerate it, is absent for every other operation, as in memory.
// A touch renews how long an entry with a window is fresh. The entries are those of another client: nothing waits for time.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { Cache, HttpCache } from "isocache";
import { messagePackSerializer } from "isocache/msgpack";
import { startRedis } from "../../support/redis.mjs";
import { startForeign } from "./support/foreign.mjs";
import { startBridge, TOKEN } from "./support/servers.mjs";

const HOUR = 3_600_000;
const OPTIONS = { timeout: "10m", ttl: "2h" };

let number = 0;
const closers = [];
const servers = {};
before(async () => {
  const redis = await startRedis();
  closers.push(() => redis.close());
  servers.embedded = await startBridge();
  servers.redis = await startBridge("--store", redis.url);
  servers.foreign = await startForeign({ token: TOKEN });
  closers.push(...Object.values(servers).map((server) => () => server.close()));
});
after(() => Promise.all(closers.map((close) => close())));

/** How an entry is stored by each serializer. */
const FORMS = {
  JSON: { serializer: undefined, stored: (value) => JSON.stringify(value) },
  MessagePack: { serializer: messagePackSerializer, stored: (value) => messagePackSerializer.serialize(value) },
};

for (const [what, form] of [
  ["embedded", "JSON"],
  ["embedded", "MessagePack"],
  ["redis", "JSON"],
  ["redis", "MessagePack"],
  ["foreign", "JSON"],
  ["foreign", "MessagePack"],
]) {
  describe(`${what}, ${form}`, () => {
    const { serializer, stored } = FORMS[form];
    /** A cache with the entries `stale`, `fresh` (with a window), `tagged` (stale) and `plain`. */
    async function filled() {
      const options = { ...OPTIONS, url: servers[what].url, token: TOKEN, namespace: `stale-${number++}` };
      const cache = new HttpCache(serializer ? { ...options, serializer } : options);
      const now = Date.now();
      const put = (key, value) => cache.command(key, (whole) => ["SET", whole, stored(value), "PX", `${2 * HOUR}`]);
      await put("stale", { value: { id: 1 }, fresh_until: now - 1000 });
      await put("tagged", { value: { id: 2 }, fresh_until: now - 1000, tags: { t: 5 } });
      await put("fresh", { value: { id: 3 }, fresh_until: now + HOUR });
      await put("plain", { id: 4 });
      return { cache, put };
    }
    const ALL = ["stale", "tagged", "fresh", "plain", "none"];

    test("reads", async () => {
      const { cache } = await filled();
      for (const key of ["stale", "tagged", "none"]) {
        assert.equal(await cache.get(key), undefined);
        assert.equal(await cache.has(key), false);
        assert.equal(await cache.ttl(key), undefined);
        assert.equal(await cache.getWithTtl(key), undefined);
      }
      assert.deepEqual(await cache.getMany(ALL), [undefined, undefined, { id: 3 }, { id: 4 }, undefined]);
      assert.deepEqual(await cache.hasMany(ALL), [false, false, true, true, false]);
      const { hits, misses } = await cache.getStats();
      assert.deepEqual([hits, misses], [2, 3 + 3 + 3]);
    });

    test("keys, all of them and by name", async () => {
      const { cache } = await filled();
      const listed = async (pattern) => {
        const keys = [];
        for await (const key of cache.keys(pattern)) {
          keys.push(key);
        }
        return keys.toSorted();
      };
      assert.deepEqual(await listed(), ["fresh", "plain"]);
      assert.deepEqual(await listed("sta*"), []);
      assert.deepEqual(await listed("stale"), []);
      assert.deepEqual(await listed("fresh"), ["fresh"]);
    });

    test("deletions remove it and do not count it", async () => {
      const { cache } = await filled();
      assert.equal(await cache.delete("stale"), false);
      assert.equal(await cache.getEntry("stale"), undefined);
      assert.equal(await cache.delete("fresh"), true);
      const second = (await filled()).cache;
      assert.deepEqual(await second.deleteManyEach(ALL), [false, false, true, true, false]);
      assert.equal((await second.getStats()).deletes, 2);
      const third = (await filled()).cache;
      assert.equal(await third.deleteMany([...ALL, "stale"]), 2);
      assert.equal(await third.getEntry("tagged"), undefined);
      const fourth = (await filled()).cache;
      assert.equal(await fourth.getAndDelete("stale"), undefined);
      assert.equal(await fourth.getEntry("stale"), undefined);
      assert.deepEqual(await fourth.getAndDelete("fresh"), { id: 3 });
    });

    test("clearPattern", async () => {
      const { cache } = await filled();
      assert.equal(await cache.clearPattern("stale"), 0, "by its name");
      assert.equal(await cache.clearPattern("*e*"), 1, "fresh, and not the tagged one");
      assert.equal(await cache.getEntry("tagged"), undefined);
      assert.equal(await cache.clearPattern("*"), 1);
      const first = (await filled()).cache;
      assert.equal(await first.clearPattern("*"), 2, "as the first operation, too");
    });

    test("replace leaves it, and setIfAbsent replaces it", async () => {
      const { cache } = await filled();
      assert.equal(await cache.replace("stale", 9), false);
      assert.deepEqual((await cache.getEntry("stale")).value, { id: 1 });
      assert.equal(await cache.replace("fresh", 9), true);
      assert.equal(await cache.setIfAbsent("plain", 9), false);
      assert.equal(await cache.setIfAbsent("fresh", 10), false);
      assert.equal(await cache.setIfAbsent("none", 11, "1h"), true);
      const stored = await Promise.all(Array.from({ length: 20 }, (_, at) => cache.setIfAbsent("stale", at, "1h")));
      assert.equal(stored.filter(Boolean).length, 1, "one of many");
      assert.equal(await cache.get("stale"), stored.indexOf(true));
      const ttl = await cache.ttl("stale");
      assert.ok(ttl > 3500 && ttl <= 3600, `${ttl}`);
    });

    test("touch does not revive it, and it leaves when it was to", async () => {
      const { cache } = await filled();
      assert.equal(await cache.touch("stale", "9h"), false);
      assert.equal(await cache.getAndTouch("tagged", "9h"), undefined);
      for (const key of ["stale", "tagged"]) {
        assert.ok((await cache.getEntry(key)).freshFor < 0);
        const left = await cache.command(key, (whole) => ["PTTL", whole]);
        assert.ok(left > HOUR && left <= 2 * HOUR, `${key}: ${left}`);
      }
    });

    test("touch renews the freshness of an entry with a window, whose window stays", async () => {
      const { cache } = await filled();
      const left = (key) => cache.command(key, (whole) => ["PTTL", whole]);
      assert.equal(await cache.touch("fresh", "5h"), true);
      assert.ok(Math.abs((await cache.ttl("fresh")) - 5 * 3600) < 300);
      assert.ok(Math.abs((await left("fresh")) - 6 * HOUR) < HOUR / 10, "an hour of freshness was left of two");
      assert.deepEqual(await cache.getAndTouch("fresh", "7h"), { id: 3 });
      assert.ok(Math.abs((await cache.ttl("fresh")) - 7 * 3600) < 300);
      assert.ok(Math.abs((await left("fresh")) - 8 * HOUR) < HOUR / 10);
      assert.equal(await cache.touch("fresh"), true, "with the ttl of the cache");
      assert.ok(Math.abs((await cache.ttl("fresh")) - 2 * 3600) < 300);
      assert.equal(await cache.touch("fresh", null), true);
      assert.deepEqual([await cache.ttl("fresh"), await left("fresh")], [null, -1]);
      assert.deepEqual(await cache.get("fresh"), { id: 3 });
      assert.equal(await cache.touch("plain", "1h"), true);
      assert.ok(Math.abs((await cache.ttl("plain")) - 3600) < 300);
    });

    test("a Cache over it sees the same", async () => {
      const { cache } = await filled();
      const over = new Cache({ provider: cache });
      assert.deepEqual(await over.hasMany(ALL), [false, false, true, true, false]);
      assert.equal(await over.replace("stale", 1), false);
      assert.equal(await over.deleteMany(ALL), 2);
    });
  });
}

describe("a touch changes nothing of the value", () => {
  for (const [what, text] of [
    ["a number that JavaScript would round", '{"value":9007199254740993,"fresh_until":N}'],
    ["a text that looks like the end of an envelope", '{"value":"\\",\\"fresh_until\\":5}","fresh_until":N}'],
    [
      "an envelope inside",
      '{"value":{"value":1,"fresh_until":5,"tags":{"a":1}},"fresh_until":N,"tags":{"t\\"}":5,"u":-7}}',
    ],
    ["a number with an exponent", '{"value":[1.50,1e3],"fresh_until":N,"tags":{}}'],
  ]) {
    test(what, async () => {
      const cache = new HttpCache({
        ...OPTIONS,
        url: servers.embedded.url,
        token: TOKEN,
        namespace: `text-${number++}`,
      });
      const until = Date.now() + HOUR;
      const raw = (...command) => cache.command("k", (whole) => [command[0], whole, ...command.slice(1)]);
      await raw("SET", text.replace("N", `${until}`), "PX", `${2 * HOUR}`);
      assert.equal(await cache.touch("k", "5h"), true);
      const now = await raw("GET");
      const renewed = /"fresh_until":(\d{13})/.exec(now)[1];
      assert.ok(Number(renewed) > until + 3 * HOUR);
      assert.equal(now, text.replace("N", renewed));
    });
  }
});

test("many keys: whole values are read only of what may be an envelope", async () => {
  const { foreign } = servers;
  const cache = new HttpCache({ ...OPTIONS, url: foreign.url, token: TOKEN, namespace: `many-${number++}` });
  const entries = Array.from({ length: 600 }, (_, at) => ({
    key: `k${at}`,
    value: at % 2 ? "é".repeat(20) : { id: at },
  }));
  await cache.setMany(entries);
  const [before, values] = [foreign.count("GETRANGE"), foreign.count("MGET")];
  assert.deepEqual(
    await cache.hasMany(entries.map(({ key }) => key)),
    entries.map(() => true),
  );
  assert.equal(foreign.count("GETRANGE") - before, 600);
  assert.equal(foreign.count("MGET"), values);
});

test("a serializer of texts has no stale entries, and pays for none", async () => {
  const { foreign } = servers;
  const options = { ...OPTIONS, url: foreign.url, token: TOKEN, namespace: `text-${number++}` };
  const cache = new HttpCache({ ...options, serializer: "text" });
  const json = '{"value":1,"fresh_until":5}';
  await cache.set("a", json);
  foreign.requests.length = 0;
  assert.deepEqual(
    [await cache.get("a"), await cache.hasMany(["a"]), await cache.replace("a", json)],
    [json, [true], true],
  );
  assert.equal(await cache.delete("a"), true);
  const sent = foreign.requests.flatMap(({ body }) => JSON.parse(body).map(([name]) => name));
  assert.deepEqual(sent, ["GET", "EXISTS", "SET", "UNLINK"]);
});
