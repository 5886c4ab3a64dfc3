// @vercel/kv, which applications on Vercel have.

import assert from "node:assert/strict";
import { test } from "node:test";
import { createClient } from "@vercel/kv";
import { TOKEN } from "./support/bridge.mjs";
import { onStores } from "./support/stores.mjs";

const kv = ({ bridge }) => createClient({ url: bridge.url, token: TOKEN });

onStores(["memory", "redis"], (its) => {
  test("strings", async () => {
    const client = kv(its);
    assert.equal(await client.set("user:1", { name: "Ann" }, { ex: 1000, nx: true }), "OK");
    assert.equal(await client.set("user:1", { name: "Bob" }, { nx: true }), null);
    assert.deepEqual(await client.get("user:1"), { name: "Ann" });
    assert.ok((await client.ttl("user:1")) > 900);
    assert.equal(await client.incr("n"), 1);
    assert.deepEqual(await client.mget("user:1", "n", "none"), [{ name: "Ann" }, 1, null]);
    assert.equal(await client.del("user:1", "n"), 2);
  });

  test("iterating over keys", async () => {
    const client = kv(its);
    const keys = Array.from({ length: 200 }, (_, index) => `k:${index}`);
    await client.mset(Object.fromEntries([...keys, "other"].map((key) => [key, 1])));
    const found = new Set();
    for await (const key of client.scanIterator({ match: "k:*", count: 17 })) {
      found.add(key);
    }
    assert.deepEqual([...found].sort(), keys.sort());
  });

  test("batches", async () => {
    const client = kv(its);
    assert.deepEqual(await client.pipeline().set("a", 1).incr("a").exec(), ["OK", 2]);
    assert.deepEqual(await client.multi().set("a", 1).get("a").exec(), ["OK", 1]);
  });
});

onStores(["redis"], (its) => {
  test("hashes and sets, and iterating over them", async () => {
    const client = kv(its);
    await client.hset("h", { a: 1, b: { c: 2 } });
    assert.deepEqual(await client.hgetall("h"), { a: 1, b: { c: 2 } });
    const fields = [];
    for await (const item of client.hscanIterator("h")) {
      fields.push(item);
    }
    assert.deepEqual(fields, ["a", 1, "b", { c: 2 }]);
    await client.sadd("s", "x");
    const members = [];
    for await (const item of client.sscanIterator("s")) {
      members.push(item);
    }
    assert.deepEqual(members, ["x"]);
    await client.zadd("z", { score: 1, member: "x" });
    const scores = [];
    for await (const item of client.zscanIterator("z")) {
      scores.push(item);
    }
    assert.deepEqual(scores, ["x", 1]);
  });
});
