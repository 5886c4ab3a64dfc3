// How a bridge ends.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { startRedis } from "../../support/redis.mjs";
import { startBridge } from "./support/bridge.mjs";

describe("on SIGTERM", () => {
  test("the bridge exits", async () => {
    const bridge = await startBridge("memory");
    await bridge.client().set("k", 1);
    assert.equal(await bridge.stop(), 0);
  });

  test("the bridge exits even if nobody reads its responses", async () => {
    const bridge = await startBridge("memory");
    bridge.deafen();
    await bridge.client().set("k", 1);
    assert.equal(await bridge.stop(), 0);
  });

  test("the bridge exits after Redis has gone", async () => {
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
