// Several commands in one request.

import assert from "node:assert/strict";
import { test } from "node:test";
import { onStores } from "./support/stores.mjs";

onStores(["memory", "redis"], (its) => {
  test("a pipeline replies in order", async () => {
    const { redis } = its;
    const pipeline = redis.pipeline().set("k", 1).incr("k").get("k").del("k").get("k").mget("k", "k");
    assert.deepEqual(await pipeline.exec(), ["OK", 2, 2, 1, null, [null, null]]);
  });

  test("a failing command of a pipeline does not affect the others", async () => {
    const { redis } = its;
    await redis.set("text", "abc");
    const pipeline = () => redis.pipeline().set("a", 1).incr("text").incr("a");
    const [first, second, third] = await pipeline().exec({ keepErrors: true });
    assert.deepEqual([first.result, third.result], ["OK", 2]);
    assert.equal(first.error, undefined);
    assert.match(second.error, /^ERR value is not an integer or out of range/);
    await assert.rejects(pipeline().exec(), /Command 2 \[ incr \] failed: ERR value is not an integer/);
  });

  test("1000 commands in one pipeline", async () => {
    const { redis } = its;
    const pipeline = redis.pipeline();
    for (let index = 0; index < 1000; index++) {
      pipeline.incrby("n", index);
    }
    const sums = await pipeline.exec();
    assert.equal(sums.length, 1000);
    let sum = 0;
    for (const [index, answer] of sums.entries()) {
      sum += index;
      assert.equal(answer, sum);
    }
  });

  test("1001 commands in one pipeline are refused, and none is executed", async () => {
    const { redis } = its;
    const pipeline = redis.pipeline();
    for (let index = 0; index < 1001; index++) {
      pipeline.incr("n");
    }
    await assert.rejects(pipeline.exec(), /ERR too many commands.*1000/);
    assert.equal(await redis.get("n"), null);
  });

  test("a transaction", async () => {
    const { redis } = its;
    assert.deepEqual(await redis.multi().set("k", 1).incr("k").mget("k", "none").get("k").exec(), [
      "OK",
      2,
      [2, null],
      2,
    ]);
  });

  test("a failing command of a transaction does not affect the others", async () => {
    const { redis } = its;
    await redis.set("text", "abc");
    const answers = await redis.multi().set("a", 1).incr("text").incr("a").exec({ keepErrors: true });
    assert.match(answers[1].error, /^ERR value is not an integer or out of range/);
    assert.deepEqual([answers[0].result, answers[2].result], ["OK", 2]);
  });

  test("a discarded transaction throws, and nothing was executed", async () => {
    const { redis } = its;
    const discarded = [
      ["NOSUCH", "a"],
      ["GET"],
      ["SET", "k"],
      ["MULTI"],
      ["EXEC"],
      ["DISCARD"],
      ["WATCH", "k"],
      ["CLIENT", "REPLY", "OFF"],
    ];
    for (const command of discarded) {
      const multi = redis.multi().set("k", "changed");
      multi.chain({ command, deserialize: (result) => result });
      multi.set("l", "changed");
      await assert.rejects(multi.exec(), /^UpstashError: (ERR|EXECABORT) /, command.join(" "));
      assert.deepEqual(await redis.mget("k", "l"), [null, null], command.join(" "));
    }
    assert.equal(await redis.ping(), "PONG", "the connection is as before");
  });

  test("transactions are atomic", async () => {
    const { redis } = its;
    const clients = Array.from({ length: 8 }, () => its.bridge.client());
    await redis.mset({ a: 0, b: 0 });
    const reading = clients.map(async (client) => {
      for (let round = 0; round < 25; round++) {
        const [, , pair] = await client.multi().incr("a").incr("b").mget("a", "b").exec();
        assert.equal(pair[0], pair[1], "somebody came between two commands");
      }
    });
    const bystanders = clients.map(async (client) => {
      for (let round = 0; round < 25; round++) {
        const pair = await client.mget("a", "b");
        assert.equal(pair[0], pair[1], "somebody saw half a transaction");
      }
    });
    await Promise.all([...reading, ...bystanders]);
    assert.deepEqual(await redis.mget("a", "b"), [200, 200]);
  });

  test("auto-pipelining: 1000 concurrent reads each get their own reply", async () => {
    const { redis } = its;
    const keys = Array.from({ length: 1000 }, (_, index) => `k${index}`);
    await redis.mset(Object.fromEntries(keys.map((key, index) => [key, index])));
    const reads = keys.map((key) => redis.get(key));
    assert.deepEqual(
      await Promise.all(reads),
      keys.map((_, index) => index),
    );
  });

  test("auto-pipelining: concurrent reads, writes and failures of many clients", async () => {
    const { redis } = its;
    await redis.set("text", "abc");
    const clients = Array.from({ length: 10 }, () => its.bridge.client());
    const outcomes = await Promise.all(
      clients.flatMap((client, number) =>
        Array.from({ length: 50 }, async (_, index) => {
          const key = `k${number}:${index}`;
          await client.set(key, key);
          const [value, failed] = await Promise.all([client.get(key), client.incr("text").catch((error) => error)]);
          return value === key && /ERR value is not an integer/.test(failed?.message);
        }),
      ),
    );
    assert.equal(outcomes.length, 500);
    assert.ok(outcomes.every(Boolean));
    assert.equal(await redis.dbsize(), 501);
  });

  test("without auto-pipelining: 200 concurrent requests", async () => {
    const redis = its.bridge.client({ enableAutoPipelining: false });
    const counts = await Promise.all(Array.from({ length: 200 }, () => redis.incr("n")));
    assert.deepEqual(
      counts.sort((a, b) => a - b),
      Array.from({ length: 200 }, (_, index) => index + 1),
    );
  });
});

onStores(["redis"], (its) => {
  test("a transaction continues after a key of the wrong type", async () => {
    const { redis } = its;
    await redis.lpush("list", 1);
    const answers = await redis.multi().set("a", 1).get("list").hset("h", { b: 2 }).exec({ keepErrors: true });
    assert.match(answers[1].error, /^WRONGTYPE/);
    assert.equal(await redis.hget("h", "b"), 2);
  });
});
