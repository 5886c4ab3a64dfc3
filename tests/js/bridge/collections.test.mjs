// Hashes, lists, sets and sorted sets, which are Redis' alone.

import assert from "node:assert/strict";
import { test } from "node:test";
import { onStores } from "./support/stores.mjs";

onStores(["redis"], (its) => {
  test("hashes", async () => {
    const { redis } = its;
    const user = { name: "Ann", age: 41, tags: ["a", "b"], "odd field/=": "x" };
    assert.equal(await redis.hset("h", user), 4);
    assert.deepEqual(await redis.hgetall("h"), user);
    assert.equal(await redis.hgetall("missing"), null);
    assert.equal(await redis.hget("h", "age"), 41);
    assert.equal(await redis.hget("h", "missing"), null);
    assert.deepEqual(await redis.hmget("h", "name", "missing", "tags"), {
      name: "Ann",
      missing: null,
      tags: ["a", "b"],
    });
    assert.equal(await redis.hexists("h", "name"), 1);
    assert.equal(await redis.hlen("h"), 4);
    assert.equal(await redis.hstrlen("h", "name"), 3);
    assert.deepEqual((await redis.hkeys("h")).sort(), Object.keys(user).sort());
    assert.deepEqual(await redis.hvals("h"), Object.values(user));
    assert.equal(await redis.hincrby("h", "age", 2), 43);
    assert.equal(await redis.hincrbyfloat("h", "age", 0.5), 43.5);
    assert.equal(await redis.hsetnx("h", "name", "Bob"), 0);
    assert.equal(await redis.hmset("h", { name: "Eve" }), "OK");
    assert.equal(await redis.hdel("h", "tags", "missing"), 1);
    assert.ok(["name", "age", "odd field/="].includes(await redis.hrandfield("h")));
    assert.deepEqual(await redis.hrandfield("h", 3, true), { name: "Eve", age: 43.5, "odd field/=": "x" });
    assert.deepEqual(await redis.hscan("h", 0, { match: "a*" }), ["0", ["age", 43.5]]);
    await assert.rejects(redis.hincrby("h", "name", 1), /ERR hash value is not an integer/);
  });

  test("lists", async () => {
    const { redis } = its;
    assert.equal(await redis.rpush("l", "b", { c: 1 }, 3), 3);
    assert.equal(await redis.lpush("l", "a"), 4);
    assert.deepEqual(await redis.lrange("l", 0, -1), ["a", "b", { c: 1 }, 3]);
    assert.equal(await redis.llen("l"), 4);
    assert.equal(await redis.lindex("l", 1), "b");
    assert.equal(await redis.lindex("l", 9), null);
    assert.equal(await redis.linsert("l", "before", "b", "a2"), 5);
    assert.equal(await redis.lset("l", 0, "A"), "OK");
    assert.equal(await redis.lpos("l", "b"), 2);
    assert.deepEqual(await redis.lpos("l", "b", { count: 0 }), [2]);
    assert.equal(await redis.lrem("l", 0, "a2"), 1);
    assert.equal(await redis.lpushx("missing", 1), 0);
    assert.equal(await redis.rpushx("l", "z"), 5);
    assert.equal(await redis.lmove("l", "other", "right", "left"), "z");
    assert.deepEqual(await redis.lpop("l", 2), ["A", "b"]);
    assert.equal(await redis.rpop("l"), 3);
    assert.deepEqual(await redis.lmpop(2, ["missing", "l"], "left", 5), ["l", [{ c: 1 }]]);
    assert.equal(await redis.lpop("l"), null);
    await redis.rpush("l", 1, 2, 3, 4);
    assert.equal(await redis.ltrim("l", 1, 2), "OK");
    assert.deepEqual(await redis.lrange("l", 0, -1), [2, 3]);
  });

  test("sets", async () => {
    const { redis } = its;
    assert.equal(await redis.sadd("s", "a", "b", "c", "a"), 3);
    await redis.sadd("t", "b", "c", "d");
    assert.equal(await redis.scard("s"), 3);
    assert.deepEqual((await redis.smembers("s")).sort(), ["a", "b", "c"]);
    assert.equal(await redis.sismember("s", "a"), 1);
    assert.deepEqual(await redis.smismember("s", ["a", "x"]), [1, 0]);
    assert.deepEqual((await redis.sinter("s", "t")).sort(), ["b", "c"]);
    assert.deepEqual(await redis.sdiff("s", "t"), ["a"]);
    assert.deepEqual((await redis.sunion("s", "t")).sort(), ["a", "b", "c", "d"]);
    assert.equal(await redis.sinterstore("to", "s", "t"), 2);
    assert.equal(await redis.sdiffstore("to", "s", "t"), 1);
    assert.equal(await redis.sunionstore("to", "s", "t"), 4);
    assert.equal(await redis.smove("s", "t", "a"), 1);
    assert.equal(await redis.srem("s", "b", "missing"), 1);
    assert.equal(await redis.srandmember("s"), "c");
    assert.deepEqual(await redis.sscan("s", 0), ["0", ["c"]]);
    assert.equal(await redis.spop("s"), "c");
    assert.equal(await redis.spop("s"), null);
    assert.equal((await redis.spop("t", 2)).length, 2);
  });

  test("sorted sets", async () => {
    const { redis } = its;
    assert.equal(
      await redis.zadd("z", { score: 1, member: "a" }, { score: 2, member: "b" }, { score: 3.5, member: "c" }),
      3,
    );
    assert.equal(await redis.zadd("z", { nx: true }, { score: 9, member: "a" }), 0);
    assert.equal(await redis.zadd("z", { xx: true, ch: true }, { score: 1.5, member: "a" }), 1);
    assert.equal(await redis.zadd("z", { incr: true }, { score: 1, member: "a" }), 2.5);
    assert.deepEqual(await redis.zrange("z", 0, -1), ["b", "a", "c"]);
    assert.deepEqual(await redis.zrange("z", 0, -1, { withScores: true }), ["b", 2, "a", 2.5, "c", 3.5]);
    assert.deepEqual(await redis.zrange("z", "(2", "+inf", { byScore: true }), ["a", "c"]);
    assert.deepEqual(await redis.zrange("z", 0, 0, { rev: true }), ["c"]);
    assert.equal(await redis.zcard("z"), 3);
    assert.equal(await redis.zcount("z", "-inf", 2.5), 2);
    assert.equal(await redis.zscore("z", "c"), 3.5);
    assert.equal(await redis.zscore("z", "missing"), null);
    assert.deepEqual(await redis.zmscore("z", ["a", "missing"]), [2.5, null]);
    assert.equal(await redis.zrank("z", "a"), 1);
    assert.equal(await redis.zrevrank("z", "a"), 1);
    assert.equal(await redis.zincrby("z", 10, "b"), 12);
    assert.deepEqual(await redis.zpopmax("z"), ["b", 12]);
    assert.deepEqual(await redis.zpopmin("z", 1), ["a", 2.5]);
    assert.equal(await redis.zrem("z", "c"), 1);
    await redis.zadd("y", { score: 0, member: "a" }, { score: 0, member: "b" }, { score: 0, member: "c" });
    assert.equal(await redis.zlexcount("y", "[a", "(c"), 2);
    assert.deepEqual(await redis.zrange("y", "-", "[b", { byLex: true }), ["a", "b"]);
    await redis.zadd("x", { score: 5, member: "a" });
    assert.equal(await redis.zunionstore("to", 2, ["x", "y"]), 3);
    assert.equal(await redis.zinterstore("to", 2, ["x", "y"], { weights: [2, 1] }), 1);
    assert.equal(await redis.zscore("to", "a"), 10);
    assert.deepEqual(await redis.zunion(2, ["x", "y"], { withScores: true }), ["b", 0, "c", 0, "a", 5]);
    assert.equal(await redis.zdiffstore("to", 2, "y", "x"), 2);
    assert.deepEqual(await redis.zscan("x", 0), ["0", ["a", 5]]);
    assert.equal(await redis.zremrangebylex("y", "[a", "[a"), 1);
    assert.equal(await redis.zremrangebyrank("y", 0, 0), 1);
    assert.equal(await redis.zremrangebyscore("y", 0, 0), 1);
    await redis.exec(["ZADD", "inf", "+inf", "a"]);
    assert.equal(await redis.zscore("inf", "a"), "inf");
  });
});
