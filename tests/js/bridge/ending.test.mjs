// How a bridge ends.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { startRedis } from "../../support/redis.mjs";
import { startBridge } from "./support/bridge.mjs";

describe("asked to end", () => {
  test("it ends by itself", async () => {
    const bridge = await startBridge("memory");
    await bridge.client().set("k", 1);
    assert.equal(await bridge.stop(), 0);
  });

  test("it ends by itself when nobody reads what it writes", async () => {
    const bridge = await startBridge("memory");
    bridge.deafen();
    await bridge.client().set("k", 1);
    assert.equal(await bridge.stop(), 0);
  });

  test("it ends by itself when Redis has gone, which it had told its clients", async () => {
    const redis = await startRedis();
    const bridge = await startBridge(redis.url);
    try {
      await bridge.client().set("k", 1);
      await redis.stop();
      bridge.deafen();
      await assert.rejects(bridge.client().get("k"), /ERR the store is not available/);
    } finally {
      await redis.stop();
      assert.equal(await bridge.stop(), 0);
    }
  });
});
