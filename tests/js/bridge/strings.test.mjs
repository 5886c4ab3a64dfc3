// Strings, as @upstash/redis reads and writes them.

import assert from "node:assert/strict";
import { test } from "node:test";
import { onStores } from "./support/stores.mjs";

const YEAR_2100 = 4_102_444_800;

onStores(["memory", "redis"], (its) => {
  test("SET and GET", async () => {
    const { redis } = its;
    assert.equal(await redis.set("k", "v"), "OK");
    assert.equal(await redis.get("k"), "v");
    assert.equal(await redis.get("missing"), null);
    assert.equal(await redis.set("k", "w"), "OK");
    assert.equal(await redis.get("k"), "w");
  });

  test("SET with a TTL, relative and absolute", async () => {
    const { redis } = its;
    const ttls = [{ ex: 1000 }, { px: 1_000_000 }];
    for (const options of ttls) {
      assert.equal(await redis.set("k", "v", options), "OK");
      const left = await redis.pttl("k");
      assert.ok(left > 900_000 && left <= 1_000_000, `${JSON.stringify(options)}: ${left}`);
    }
    for (const options of [{ exat: YEAR_2100 }, { pxat: YEAR_2100 * 1000 }]) {
      assert.equal(await redis.set("k", "v", options), "OK");
      assert.equal(await redis.exec(["EXPIRETIME", "k"]), YEAR_2100, JSON.stringify(options));
      assert.equal(await redis.exec(["PEXPIRETIME", "k"]), YEAR_2100 * 1000, JSON.stringify(options));
    }
    for (const options of [{ exat: 1 }, { pxat: 1 }]) {
      await redis.set("k", "v");
      assert.equal(await redis.set("k", "w", options), "OK");
      assert.equal(await redis.get("k"), null, `${JSON.stringify(options)} is in the past`);
    }
  });

  test("SET removes the TTL unless KEEPTTL is given", async () => {
    const { redis } = its;
    await redis.set("k", "v", { ex: 1000 });
    await redis.set("k", "w", { keepTtl: true });
    assert.equal(await redis.get("k"), "w");
    assert.ok((await redis.ttl("k")) > 900);
    await redis.set("k", "x");
    assert.equal(await redis.ttl("k"), -1);
  });

  test("SET NX and XX", async () => {
    const { redis } = its;
    assert.equal(await redis.set("k", "v", { xx: true }), null);
    assert.equal(await redis.get("k"), null);
    assert.equal(await redis.set("k", "v", { nx: true }), "OK");
    assert.equal(await redis.set("k", "w", { nx: true, ex: 1000 }), null);
    assert.deepEqual([await redis.get("k"), await redis.ttl("k")], ["v", -1]);
    assert.equal(await redis.set("k", "w", { xx: true, ex: 1000 }), "OK");
    assert.equal(await redis.get("k"), "w");
    assert.ok((await redis.ttl("k")) > 900);
  });

  test("SET GET returns the old value", async () => {
    const { redis } = its;
    assert.equal(await redis.set("k", "v", { get: true }), null);
    assert.equal(await redis.set("k", "w", { get: true }), "v");
    assert.equal(await redis.set("k", "x", { get: true, xx: true }), "w");
    assert.equal(await redis.set("k", "y", { get: true, nx: true }), "x");
    assert.equal(await redis.get("k"), "x");
    assert.equal(await redis.set("new", "v", { get: true, nx: true }), null);
    assert.equal(await redis.get("new"), "v");
    assert.equal(await redis.set("k", "z", { get: true, ex: 1000 }), "x");
    assert.ok((await redis.ttl("k")) > 900);
  });

  test("SET refuses contradictory options, and changes nothing", async () => {
    const { redis } = its;
    await redis.set("k", "v");
    const refused = [
      [["SET", "k", "w", "EX", "0"], /ERR invalid expire time in 'set' command/],
      [["SET", "k", "w", "EX", "-1"], /ERR invalid expire time in 'set' command/],
      [["SET", "k", "w", "EX", "1.5"], /ERR value is not an integer or out of range/],
      [["SET", "k", "w", "EX", "9223372036854775807"], /ERR invalid expire time in 'set' command/],
      [["SET", "k", "w", "EX"], /ERR syntax error/],
      [["SET", "k", "w", "EX", "5", "PX", "5"], /ERR syntax error/],
      [["SET", "k", "w", "EX", "5", "KEEPTTL"], /ERR syntax error/],
      [["SET", "k", "w", "NX", "XX"], /ERR syntax error/],
      [["SET", "k", "w", "NOPE"], /ERR syntax error/],
      [["SET", "k"], /ERR wrong number of arguments for 'set' command/],
    ];
    for (const [command, error] of refused) {
      await assert.rejects(redis.exec(command), error, command.join(" "));
    }
    assert.deepEqual([await redis.get("k"), await redis.ttl("k")], ["v", -1]);
  });

  test("SETEX, PSETEX and SETNX", async () => {
    const { redis } = its;
    assert.equal(await redis.setex("k", 1000, "v"), "OK");
    assert.ok((await redis.ttl("k")) > 900);
    assert.equal(await redis.psetex("k", 2_000_000, "w"), "OK");
    assert.ok((await redis.ttl("k")) > 1900);
    assert.equal(await redis.get("k"), "w");
    assert.equal(await redis.setnx("k", "x"), 0);
    assert.equal(await redis.setnx("new", "x"), 1);
    assert.deepEqual(await redis.mget("k", "new"), ["w", "x"]);
    await assert.rejects(redis.setex("k", 0, "v"), /ERR invalid expire time in 'setex' command/);
  });

  test("GETSET, GETDEL and GETEX", async () => {
    const { redis } = its;
    assert.equal(await redis.getset("k", "v"), null);
    assert.equal(await redis.getset("k", "w"), "v");
    assert.equal(await redis.getex("k", { ex: 1000 }), "w");
    assert.ok((await redis.ttl("k")) > 900);
    assert.equal(await redis.getex("k", { px: 2_000_000 }), "w");
    assert.ok((await redis.ttl("k")) > 1900);
    assert.equal(await redis.getex("k", { exat: YEAR_2100 }), "w");
    assert.equal(await redis.exec(["EXPIRETIME", "k"]), YEAR_2100);
    assert.equal(await redis.getex("k", { pxat: YEAR_2100 * 1000 + 1 }), "w");
    assert.equal(await redis.exec(["PEXPIRETIME", "k"]), YEAR_2100 * 1000 + 1);
    assert.equal(await redis.getex("k"), "w");
    assert.equal(await redis.exec(["PEXPIRETIME", "k"]), YEAR_2100 * 1000 + 1);
    assert.equal(await redis.getex("k", { persist: true }), "w");
    assert.equal(await redis.ttl("k"), -1);
    assert.equal(await redis.getex("missing", { ex: 1000 }), null);
    assert.equal(await redis.getdel("k"), "w");
    assert.equal(await redis.getdel("k"), null);
    assert.equal(await redis.exists("k"), 0);
  });

  test("MGET, MSET and MSETNX", async () => {
    const { redis } = its;
    assert.equal(await redis.mset({ a: 1, b: "two", c: { three: [3] } }), "OK");
    assert.deepEqual(await redis.mget("a", "missing", "b", "c", "a"), [1, null, "two", { three: [3] }, 1]);
    assert.equal(await redis.msetnx({ d: 4, a: "no" }), 0);
    assert.deepEqual(await redis.mget(["a", "d"]), [1, null]);
    assert.equal(await redis.msetnx({ d: 4, e: 5 }), 1);
    assert.deepEqual(await redis.mget(["d", "e"]), [4, 5]);
    await assert.rejects(redis.exec(["MSET", "a", "1", "b"]), /ERR wrong number of arguments for 'mset' command/i);
  });

  test("APPEND and STRLEN count bytes", async () => {
    const { redis } = its;
    assert.equal(await redis.append("k", "a"), 1);
    assert.equal(await redis.append("k", "\u00e4"), 3);
    assert.equal(await redis.get("k"), "a\u00e4");
    assert.equal(await redis.strlen("k"), 3);
    assert.equal(await redis.strlen("missing"), 0);
    await redis.expire("k", 1000);
    await redis.append("k", "b");
    assert.ok((await redis.ttl("k")) > 900, "APPEND keeps the TTL");
  });

  test("counters", async () => {
    const { redis } = its;
    assert.equal(await redis.incr("n"), 1);
    assert.equal(await redis.incrby("n", 41), 42);
    assert.equal(await redis.decr("n"), 41);
    assert.equal(await redis.decrby("n", 50), -9);
    assert.equal(await redis.incrbyfloat("n", 0.5), -8.5);
    assert.equal(await redis.incrbyfloat("n", 5e3), 4991.5);
    assert.equal(await redis.get("n"), 4991.5);
    await redis.set("n", 1, { ex: 1000 });
    await redis.incr("n");
    assert.ok((await redis.ttl("n")) > 900, "INCR keeps the TTL");
  });

  test("counters refuse non-numbers and overflows, and change nothing", async () => {
    const { redis } = its;
    await redis.mset({ text: "abc", most: "9223372036854775807", least: "-9223372036854775808", real: "1.5" });
    await assert.rejects(redis.incr("text"), /ERR value is not an integer or out of range/);
    await assert.rejects(redis.incr("real"), /ERR value is not an integer or out of range/);
    await assert.rejects(redis.incrbyfloat("text", 1), /ERR value is not a valid float/);
    await assert.rejects(redis.incr("most"), /ERR increment or decrement would overflow/);
    await assert.rejects(redis.decr("least"), /ERR increment or decrement would overflow/);
    await assert.rejects(redis.exec(["INCRBY", "n", "1.5"]), /ERR value is not an integer or out of range/);
    assert.deepEqual(await redis.mget("text", "most", "least", "real", "n"), [
      "abc",
      "9223372036854775807",
      "-9223372036854775808",
      1.5,
      null,
    ]);
  });
});

onStores(["redis"], (its) => {
  test("substrings", async () => {
    const { redis } = its;
    await redis.set("k", "Hello World");
    assert.equal(await redis.getrange("k", 0, 4), "Hello");
    assert.equal(await redis.getrange("k", -5, -1), "World");
    assert.equal(await redis.setrange("k", 6, "Redis"), 11);
    assert.equal(await redis.get("k"), "Hello Redis");
    assert.equal(await redis.setrange("gap", 3, "x"), 4);
    assert.equal(await redis.get("gap"), "\u0000\u0000\u0000x");
  });
});
