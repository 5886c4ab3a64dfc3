// What the client gets to do with each token, and the token by which it reads its own writes.

import assert from "node:assert/strict";
import { test } from "node:test";
import { READ_ONLY_TOKEN, TOKEN } from "./support/bridge.mjs";
import { onStores } from "./support/stores.mjs";

onStores(["memory", "redis"], (its) => {
  const reader = () => its.bridge.client({ token: READ_ONLY_TOKEN });

  test("a read-only token reads", async () => {
    await its.redis.mset({ a: 1, b: "two" });
    const redis = reader();
    assert.deepEqual(await redis.mget("a", "b", "missing"), [1, "two", null]);
    assert.equal(await redis.get("a"), 1);
    assert.equal(await redis.exists("a"), 1);
    assert.equal(await redis.ttl("a"), -1);
    assert.equal(await redis.type("a"), "string");
    assert.equal(await redis.ping(), "PONG");
  });

  test("a read-only token changes nothing", async () => {
    await its.redis.set("a", 1);
    const redis = reader();
    const refused = {
      set: () => redis.set("a", 2),
      del: () => redis.del("a"),
      incr: () => redis.incr("a"),
      expire: () => redis.expire("a", 1),
      getdel: () => redis.getdel("a"),
      getex: () => redis.getex("a", { ex: 1 }),
      append: () => redis.append("a", "b"),
      flushall: () => redis.flushall(),
      eval: () => redis.eval("return redis.call('DEL', KEYS[1])", ["a"], []),
      evalsha: () => redis.evalsha("0".repeat(40), ["a"], []),
      publish: () => redis.publish("c", "x"),
    };
    for (const [name, run] of Object.entries(refused)) {
      const text = `NOPERM refused by the bridge: this token may not run '${name}'`;
      await assert.rejects(run(), new RegExp(text), name);
    }
    await assert.rejects(redis.multi().get("a").set("a", 2).exec(), /NOPERM/);
    const [read, written] = await redis.pipeline().get("a").set("a", 2).exec({ keepErrors: true });
    assert.equal(read.result, 1);
    assert.match(written.error, /^NOPERM/);
    assert.equal(await its.redis.get("a"), 1);
  });

  test("a read-only token does not scan the keyspace", async () => {
    const redis = reader();
    for (const run of [() => redis.scan(0), () => redis.keys("*"), () => redis.randomkey(), () => redis.dbsize()]) {
      await assert.rejects(run(), /NOPERM/);
    }
  });

  test("a wrong token", async () => {
    for (const token of ["wrong", `${TOKEN}x`, TOKEN.slice(0, -1), TOKEN.toUpperCase()]) {
      const redis = its.bridge.client({ token });
      await assert.rejects(redis.get("a"), /WRONGPASS invalid or missing auth token/);
      await assert.rejects(redis.pipeline().get("a").exec(), /WRONGPASS/);
    }
  });

  test("each response has a sync token, which every write changes", async () => {
    const { redis } = its;
    const client = its.bridge.client();
    const seen = new Set();
    for (const write of [
      () => client.set("a", 1),
      () => client.incr("a"),
      () => client.pipeline().set("b", 1).get("b").exec(),
      () => client.multi().set("c", 1).exec(),
      () => client.exec(["DEL", "a"]),
    ]) {
      await write();
      assert.notEqual(client.readYourWritesSyncToken, "");
      assert.equal(seen.has(client.readYourWritesSyncToken), false, "it is as after an earlier write");
      seen.add(client.readYourWritesSyncToken);
    }
    await client.get("b");
    assert.notEqual(client.readYourWritesSyncToken, "");
    await redis.get("b");
    assert.notEqual(redis.readYourWritesSyncToken, "");
  });

  test("a client with the sync token of another server gets a response", async () => {
    const client = its.bridge.client();
    client.readYourWritesSyncToken = "of-another; server=\u00e4";
    assert.equal(await client.set("a", 1), "OK");
    const old = its.bridge.client({ readYourWrites: false });
    assert.equal(await old.get("a"), 1);
  });
});
