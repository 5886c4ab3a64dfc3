// Keys, their TTLs, and the keyspace.

import assert from "node:assert/strict";
import { test } from "node:test";
import { onStores } from "./support/stores.mjs";

const YEAR_2100 = 4_102_444_800;

onStores(["memory", "redis"], (its) => {
  test("DEL, UNLINK, EXISTS, TOUCH and TYPE", async () => {
    const { redis } = its;
    await redis.mset({ a: 1, b: 2, c: 3 });
    assert.equal(await redis.exists("a", "b", "missing", "a"), 3);
    assert.equal(await redis.touch("a", "missing"), 1);
    assert.equal(await redis.type("a"), "string");
    assert.equal(await redis.type("missing"), "none");
    assert.equal(await redis.del("a", "missing"), 1);
    assert.equal(await redis.unlink("b", "c", "b"), 2);
    assert.equal(await redis.exists("a", "b", "c"), 0);
  });

  test("TTLs", async () => {
    const { redis } = its;
    assert.equal(await redis.ttl("k"), -2);
    assert.equal(await redis.pttl("k"), -2);
    assert.equal(await redis.expire("k", 1000), 0);
    await redis.set("k", "v");
    assert.equal(await redis.ttl("k"), -1);
    assert.equal(await redis.expire("k", 1000), 1);
    assert.ok((await redis.ttl("k")) > 900);
    assert.equal(await redis.pexpire("k", 2_000_000), 1);
    assert.ok((await redis.pttl("k")) > 1_900_000);
    assert.equal(await redis.expireat("k", YEAR_2100), 1);
    assert.equal(await redis.exec(["EXPIRETIME", "k"]), YEAR_2100);
    assert.equal(await redis.pexpireat("k", YEAR_2100 * 1000 + 7), 1);
    assert.equal(await redis.exec(["PEXPIRETIME", "k"]), YEAR_2100 * 1000 + 7);
    assert.equal(await redis.persist("k"), 1);
    assert.equal(await redis.persist("k"), 0);
    assert.equal(await redis.ttl("k"), -1);
    assert.equal(await redis.expireat("k", 1), 1);
    assert.equal(await redis.get("k"), null);
  });

  test("TTLs with conditions", async () => {
    const { redis } = its;
    await redis.set("k", "v");
    assert.equal(await redis.expire("k", 1000, "XX"), 0);
    assert.equal(await redis.expire("k", 1000, "NX"), 1);
    assert.equal(await redis.expire("k", 2000, "NX"), 0);
    assert.equal(await redis.expire("k", 500, "GT"), 0);
    assert.equal(await redis.expire("k", 2000, "GT"), 1);
    assert.equal(await redis.expire("k", 3000, "LT"), 0);
    assert.equal(await redis.expire("k", 1500, "LT"), 1);
    const left = await redis.ttl("k");
    assert.ok(left > 1400 && left <= 1500, String(left));
  });

  test("RENAME keeps the value and its TTL", async () => {
    const { redis } = its;
    await redis.set("a", "v", { exat: YEAR_2100 });
    await redis.set("b", "old");
    assert.equal(await redis.rename("a", "b"), "OK");
    assert.equal(await redis.get("b"), "v");
    assert.equal(await redis.exec(["EXPIRETIME", "b"]), YEAR_2100);
    assert.equal(await redis.exists("a"), 0);
    await assert.rejects(redis.rename("a", "b"), /ERR no such key/);
  });

  test("SCAN returns every key", async () => {
    const { redis } = its;
    const keys = Array.from({ length: 500 }, (_, index) => `user:${index}`);
    await redis.mset(Object.fromEntries([...keys, "other"].map((key) => [key, 1])));
    const scan = async (options) => {
      const found = new Set();
      let cursor = "0";
      do {
        const [next, page] = await redis.scan(cursor, options);
        assert.equal(typeof next, "string");
        for (const key of page) {
          found.add(key);
        }
        cursor = next;
      } while (cursor !== "0");
      return [...found].sort();
    };
    assert.deepEqual(await scan(), [...keys, "other"].sort());
    assert.deepEqual(await scan({ match: "user:*", count: 37 }), [...keys].sort());
    assert.deepEqual(await scan({ match: "user:1?", count: 1000 }), keys.slice(10, 20).sort());
    assert.deepEqual(await scan({ match: "user:[12]", type: "string" }), ["user:1", "user:2"]);
    assert.deepEqual(await scan({ match: "*", type: "hash" }), []);
    await assert.rejects(redis.exec(["SCAN", "x"]), /ERR invalid cursor/);
  });

  test("KEYS, DBSIZE, RANDOMKEY and FLUSHDB", async () => {
    const { redis } = its;
    assert.equal(await redis.randomkey(), null);
    assert.equal(await redis.dbsize(), 0);
    await redis.mset({ "a:1": 1, "a:2": 2, "b:1": 3 });
    assert.deepEqual((await redis.keys("a:*")).sort(), ["a:1", "a:2"]);
    assert.deepEqual(await redis.keys("none*"), []);
    assert.equal(await redis.dbsize(), 3);
    assert.match(await redis.randomkey(), /^[ab]:[12]$/);
    assert.equal(await redis.flushdb(), "OK");
    assert.equal(await redis.dbsize(), 0);
  });

  test("the server", async () => {
    const { redis } = its;
    assert.equal(await redis.ping(), "PONG");
    assert.equal(await redis.ping(["hello"]), "hello");
    assert.equal(await redis.echo("hello"), "hello");
    const [seconds, micros] = await redis.time();
    assert.ok(Math.abs(seconds - Date.now() / 1000) < 3600, String(seconds));
    assert.ok(micros >= 0 && micros < 1_000_000, String(micros));
    assert.match(await redis.exec(["INFO"]), /^# /);
    assert.equal(await redis.exec(["CLIENT", "SETINFO", "LIB-NAME", "upstash"]), "OK");
    assert.equal(await redis.exec(["CLIENT", "SETNAME", "somebody"]), "OK");
  });

  test("an unknown command", async () => {
    const { redis } = its;
    await assert.rejects(redis.exec(["NOSUCH", "a"]), /ERR refused by the bridge: 'nosuch'/i);
    await assert.rejects(redis.json.set("k", "$", { a: 1 }), /ERR unknown command 'JSON\.SET'/i);
    await assert.rejects(redis.json.get("k"), /ERR unknown command 'JSON\.GET'/i);
  });

  test("commands that are never forwarded, whatever the token", async () => {
    const { redis } = its;
    const never = [
      "MULTI",
      "EXEC",
      "WATCH",
      "SELECT",
      "MONITOR",
      "UNSUBSCRIBE",
      "BLPOP",
      "CONFIG",
      "SHUTDOWN",
      "CLUSTER",
    ];
    for (const command of never) {
      await assert.rejects(redis.exec([command, "a", "b"]), /^UpstashError: ERR refused by the bridge: /i, command);
    }
    await assert.rejects(redis.exec(["SUBSCRIBE", "a"]), /^UpstashError: ERR /);
    assert.equal(await redis.ping(), "PONG");
  });
});

onStores(["redis"], (its) => {
  test("COPY and RENAMENX", async () => {
    const { redis } = its;
    await redis.mset({ a: 1, b: 2 });
    assert.equal(await redis.copy("a", "b"), "NOT_COPIED");
    assert.equal(await redis.copy("a", "b", { replace: true }), "COPIED");
    assert.equal(await redis.get("b"), 1);
    assert.equal(await redis.renamenx("a", "b"), 0);
    assert.equal(await redis.renamenx("a", "c"), 1);
  });

  test("an operation on a key of another type", async () => {
    const { redis } = its;
    await redis.hset("h", { a: 1 });
    await assert.rejects(redis.get("h"), /WRONGTYPE Operation against a key holding the wrong kind of value/);
  });
});

onStores(["memory"], (its) => {
  test("a command that only Redis has is refused, with the names of the command and the store", async () => {
    const { redis } = its;
    const refused = {
      hset: () => redis.hset("k", { a: 1 }),
      lpush: () => redis.lpush("k", 1),
      sadd: () => redis.sadd("k", 1),
      zadd: () => redis.zadd("k", { score: 1, member: "a" }),
      xadd: () => redis.xadd("k", "*", { a: 1 }),
      eval: () => redis.eval("return 1", [], []),
      setbit: () => redis.setbit("k", 1, 1),
      pfadd: () => redis.pfadd("k", 1),
      geoadd: () => redis.geoadd("k", { longitude: 1, latitude: 1, member: "a" }),
    };
    for (const [name, run] of Object.entries(refused)) {
      await assert.rejects(run(), (error) => {
        assert.match(error.message, new RegExp(`ERR unknown command '${name}'`, "i"));
        assert.match(error.message, /embedded store/);
        return true;
      });
    }
    assert.equal(await redis.dbsize(), 0);
  });
});
