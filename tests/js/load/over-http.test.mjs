// Loading over real servers: a bridge, and one of another kind.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { Cache, HttpCache } from "isocache";
import { nextTurn, watch } from "../../support/waiting.mjs";
import { startForeign } from "../http/support/foreign.mjs";
import { startBridge, startOpenBridge, TOKEN } from "../http/support/servers.mjs";
import { gate } from "./provider.mjs";

test("one load, and writes that win", async () => {
  const bridge = await startBridge();
  try {
    const provider = new HttpCache({ url: bridge.url, token: TOKEN, timeout: "5m" });
    const cache = new Cache({ provider });
    const [begun, loaded] = [gate(), gate()];
    const options = { staleIfError: "1h", ttl: "1h", timeout: null };
    let loads = 0;
    const load = () => {
      loads++;
      begun.open();
      return loaded.opened;
    };
    const callers = Array.from({ length: 50 }, () => cache.getOrSet("k", load, options));
    await begun.opened;
    await cache.delete("k");
    loaded.open({ name: "Ada" });
    assert.ok((await Promise.all(callers)).every(({ name }) => name === "Ada"));
    assert.equal(loads, 1);
    await cache.getOrSet("k", () => ({ name: "Grace" }), options);
    assert.deepEqual(await cache.get("k"), { name: "Grace" });
    assert.ok((await provider.getWithTtl("k")).ttl <= 3600, "the ttl is that of its freshness");
    const left = await provider.command("k", (key) => ["PTTL", key]);
    assert.ok(left > 3_600_000, "it stays while it may be fallen back to");
  } finally {
    await bridge.close();
  }
});

describe("lease", () => {
  let bridge;
  let foreign;
  before(async () => {
    bridge = await startOpenBridge();
    foreign = await startForeign();
  });
  after(async () => {
    await bridge?.close();
    await foreign?.close();
  });

  for (const [name, server] of [
    ["a bridge", () => ({ url: bridge.url, token: "none" })],
    ["a server of another kind", () => ({ url: foreign.url, token: foreign.token })],
  ]) {
    test(`${name}: one of two processes loads, and the other goes on with its value`, async (t) => {
      let underWay = 0;
      const counted = async (...request) => {
        underWay++;
        try {
          const response = await fetch(...request);
          return new Response(await response.text(), response);
        } finally {
          underWay--;
        }
      };
      const process = () => new HttpCache({ ...server(), namespace: "leases", timeout: "10m", fetch: counted });
      const [ours, theirs] = [process(), process()];
      const [we, they] = [ours, theirs].map((provider) => new Cache({ provider }));
      t.mock.timers.enable({ apis: ["setTimeout"] });
      /** Lets time pass while no request is under way, until the work is done. */
      const until = async (work) => {
        let isDone = false;
        let hangs = false;
        const end = watch(() => (hangs = true));
        work.then(
          () => (isDone = true),
          () => (isDone = true),
        );
        try {
          while (!isDone) {
            assert.ok(!hangs, "it waits forever");
            await nextTurn();
            if (underWay === 0) {
              t.mock.timers.tick(1);
            }
          }
        } finally {
          end();
        }
        return work;
      };
      const more = { ttl: "1h", lease: "1h", timeout: null };
      let loads = 0;
      const load = async () => {
        loads++;
        assert.equal(await theirs.has("both:isocache-lease"), true);
        return 1;
      };
      const asked = [we, they, we, they].map((cache) => cache.getOrSet("both", load, more));
      assert.deepEqual(await until(Promise.all(asked)), [1, 1, 1, 1]);
      assert.equal(loads, 1);
      assert.equal(await until(theirs.has("both:isocache-lease")), false, "it was given back");
      // Another has the lease.
      await until(theirs.set("k:isocache-lease", "another"));
      const waits = we.getOrSet("k", () => assert.fail("another loads"), more);
      await until(new Promise((resolve) => setTimeout(resolve, 2000)));
      await until(theirs.set("k", 7));
      assert.equal(await until(waits), 7);
      assert.equal(await until(theirs.get("k:isocache-lease")), "another", "it was not ours");
      await until(theirs.delete("k"));
      const loaded = we.getOrSet("k", () => 8, more);
      await until(new Promise((resolve) => setTimeout(resolve, 1000)));
      await until(theirs.delete("k:isocache-lease"));
      assert.equal(await until(loaded), 8);
      // It ends during the load, and another has it by then.
      await until(theirs.delete("k"));
      const overtaken = async () => {
        await theirs.set("k:isocache-lease", "another");
        return 9;
      };
      assert.equal(await until(we.getOrSet("k", overtaken, more)), 9);
      assert.equal(await until(theirs.get("k:isocache-lease")), "another");
      t.mock.timers.reset();
    });
  }
});
