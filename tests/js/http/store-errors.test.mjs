// What the store behind the bridge says, as the caller hears it: rights, memory, and a store that is gone.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { HttpCache } from "isocache/http";
import { startRedis } from "../../support/redis.mjs";
import { startBridge, TOKEN } from "./support/servers.mjs";

const READ_ONLY = "read-only-token-0123456789";
const codes = async (...promises) =>
  (await Promise.allSettled(promises)).map(({ reason }) => (reason === undefined ? "fine" : reason.code));

describe("the store behind the bridge", () => {
  let redis;
  let bridge;
  let cache;
  before(async () => {
    redis = await startRedis();
    bridge = await startBridge("--store", redis.url, "--read-only-token", READ_ONLY);
    cache = new HttpCache({ url: bridge.url, token: TOKEN, timeout: "5m", breaker: false });
  });
  after(async () => {
    await bridge?.close();
    await redis?.close();
  });

  test("a token that may only read: refused, and the reads of the same request succeed", async () => {
    const reading = new HttpCache({ url: bridge.url, token: READ_ONLY, timeout: "5m" });
    await cache.set("a", 1);
    const ttl = "1m";
    assert.deepEqual(
      await codes(reading.set("a", 2), reading.get("a"), reading.increment("a", 1, { ttl }), reading.getWithTtl("a")),
      ["refused", "fine", "refused", "fine"],
    );
    assert.deepEqual(await codes(reading.increment("a", 1, { ttl })), ["refused"]);
    assert.deepEqual(await codes(reading.clearPattern("a*")), ["refused"]);
    assert.equal(await reading.get("a"), 1);
    assert.equal((await reading.getStats()).entries, undefined);
  });

  test("keys of another kind", async () => {
    redis.cli("LPUSH", "list", "1");
    assert.deepEqual(await codes(cache.get("list"), cache.increment("list")), ["deserialize", "deserialize"]);
    assert.deepEqual(await cache.getMany(["list"]), [undefined]);
    await cache.set("list", 1);
    assert.equal(redis.cli("GET", "list"), "1");
  });

  test("what Redis has is what was set", async () => {
    await cache.set("plain", { a: ["é", 1.5] }, "1h");
    assert.equal(redis.cli("--raw", "GET", "plain"), '{"a":["é",1.5]}');
    const left = Number(redis.cli("PTTL", "plain"));
    assert.ok(left > 0 && left <= 3_600_000, `${left}`);
    await cache.increment("visits", 5, { ttl: "1h" });
    assert.equal(redis.cli("GET", "visits"), "5");
    assert.ok(Number(redis.cli("PTTL", "visits")) > 0);
  });

  test("a value that is too large for the bridge: refused", async () => {
    assert.deepEqual(await codes(cache.set("a", "x".repeat(11 * 2 ** 20))), ["refused"]);
  });

  test("no memory: full, alone and among reads", async () => {
    redis.cli("CONFIG", "SET", "maxmemory", "1");
    const ttl = "1m";
    assert.deepEqual(await codes(cache.set("a", 2), cache.get("a"), cache.increment("b", 1, { ttl })), [
      "full",
      "fine",
      "full",
    ]);
    assert.deepEqual(await codes(cache.increment("b", 1, { ttl })), ["full"]);
    redis.cli("CONFIG", "SET", "maxmemory", "0");
  });

  test("no store: unavailable", async () => {
    await redis.close();
    assert.deepEqual(await codes(cache.get("a")), ["unavailable"]);
    assert.deepEqual(await codes(cache.increment("a")), ["unavailable"]);
  });
});
