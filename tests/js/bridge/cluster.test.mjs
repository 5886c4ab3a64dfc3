// A cluster behind the bridge: clients need not know.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Ratelimit } from "@upstash/ratelimit";
import { withinLimit } from "../../support/waiting.mjs";
import { onStores } from "./support/stores.mjs";

const KEYS = Array.from({ length: 300 }, (_, index) => `key:${index}`);

onStores(["cluster"], (its) => {
  const sizes = () =>
    Promise.all(its.backend.nodes.map(async (node) => Number((await node.command("DBSIZE")).slice(1))));

  test("single commands reach the right node", async () => {
    const { redis } = its;
    await Promise.all(KEYS.map((key, index) => redis.set(key, index, { ex: 1000 })));
    assert.deepEqual(
      await Promise.all(KEYS.map((key) => redis.exec(["GET", key]))),
      KEYS.map((_, index) => index),
    );
    const perNode = await sizes();
    assert.equal(
      perNode.reduce((sum, size) => sum + size),
      KEYS.length,
    );
    assert.ok(
      perNode.every((size) => size > 0),
      String(perNode),
    );
  });

  test("a pipeline over all nodes replies in order", async () => {
    const { redis } = its;
    const pipeline = redis.pipeline();
    for (const [index, key] of KEYS.entries()) {
      pipeline.set(key, index).incr(key);
    }
    const expected = KEYS.flatMap((_, index) => ["OK", index + 1]);
    assert.deepEqual(await pipeline.exec(), expected);
  });

  test("auto-pipelining over all nodes", async () => {
    const { redis } = its;
    await Promise.all(KEYS.map((key, index) => redis.set(key, index)));
    assert.deepEqual(
      await Promise.all(KEYS.map((key) => redis.get(key))),
      KEYS.map((_, index) => index),
    );
  });

  test("commands with several keys, of one slot and of many", async () => {
    const { redis } = its;
    assert.equal(await redis.mset({ "{a}1": 1, "{a}2": 2 }), "OK");
    assert.deepEqual(await redis.mget("{a}1", "{a}2", "{a}3"), [1, 2, null]);
    assert.equal(await redis.del("{a}1", "{a}2"), 2);
    const many = Object.fromEntries(KEYS.map((key, index) => [key, index]));
    for (const [run, whole] of [
      [() => redis.mset(many), "OK"],
      [() => redis.mget(KEYS), KEYS.map((_, index) => index)],
      [() => redis.exists(...KEYS), KEYS.length],
      [() => redis.del(...KEYS), KEYS.length],
    ]) {
      // Split over the nodes, or refused as Redis does: never done by half.
      const outcome = await run().catch((error) => error);
      if (outcome instanceof Error) {
        assert.match(outcome.message, /CROSSSLOT/);
        await Promise.all(KEYS.map((key, index) => redis.set(key, index)));
      } else {
        assert.deepEqual(outcome, whole);
      }
    }
  });

  test("a transaction within one slot", async () => {
    const { redis } = its;
    assert.deepEqual(await redis.multi().set("{a}1", 1).incr("{a}1").get("{a}2").exec(), ["OK", 2, null]);
  });

  test("a transaction over several slots is refused as a whole", async () => {
    const { redis } = its;
    await assert.rejects(
      redis.multi().set("a", 1).set("b", 1).set("c", 1).exec(),
      /^UpstashError: (ERR|CROSSSLOT|EXECABORT) /,
    );
    assert.deepEqual(await Promise.all(["a", "b", "c"].map((key) => redis.get(key))), [null, null, null]);
    assert.equal(await redis.ping(), "PONG");
  });

  test("scripts, hashes and rate limits", async () => {
    const { redis } = its;
    assert.equal(await redis.eval("return redis.call('INCR', KEYS[1])", ["n"], []), 1);
    for (const key of KEYS.slice(0, 30)) {
      assert.equal(await redis.createScript("return redis.call('INCR', KEYS[1])").exec([key], []), 1);
    }
    assert.equal(await redis.hset("h", { a: 1 }), 1);
    assert.deepEqual(await redis.hgetall("h"), { a: 1 });
    const ratelimit = new Ratelimit({
      redis,
      limiter: Ratelimit.fixedWindow(2, "1000 d"),
      ephemeralCache: false,
      timeout: 300_000,
    });
    for (const who of ["ann", "bob", "eve", "joe"]) {
      const outcomes = [];
      for (let count = 0; count < 3; count++) {
        outcomes.push((await ratelimit.limit(who)).success);
      }
      assert.deepEqual(outcomes, [true, true, false], who);
    }
  });

  test("commands on the keyspace cover all nodes", async () => {
    const { redis } = its;
    await Promise.all(KEYS.map((key) => redis.set(key, 1)));
    assert.equal(await redis.dbsize(), KEYS.length);
    assert.deepEqual((await redis.keys("key:*")).sort(), [...KEYS].sort());
    assert.equal(await redis.flushall(), "OK");
    assert.deepEqual(await sizes(), [0, 0, 0]);
  });

  test("SCAN returns the keys of all nodes", async () => {
    const { redis } = its;
    await Promise.all(KEYS.map((key) => redis.set(key, 1)));
    const found = new Set();
    let cursor = "0";
    let pages = 0;
    do {
      const [next, page] = await redis.scan(cursor, { count: 50 });
      for (const key of page) {
        found.add(key);
      }
      cursor = next;
      pages++;
      assert.ok(pages < 1000, "it does not end");
    } while (cursor !== "0");
    assert.deepEqual([...found].sort(), [...KEYS].sort());
  });

  test("messages", async () => {
    const { redis } = its;
    const subscriber = redis.subscribe("news");
    const heard = (event) => new Promise((resolve) => subscriber.on(event, resolve));
    const [ready, message] = [heard("subscribe"), heard("message")];
    try {
      await withinLimit("the subscription", ready);
      await redis.publish("news", { a: 1 });
      assert.deepEqual((await withinLimit("the message", message)).message, { a: 1 });
    } finally {
      await subscriber.unsubscribe();
    }
  });
});
