/** The same tests for every store. */

import { after, before, beforeEach, describe } from "node:test";
import { startCluster, startRedis } from "../../../support/redis.mjs";
import { eventually } from "../../../support/waiting.mjs";
import { startBridge } from "./bridge.mjs";
import { sendJson } from "./http.mjs";

const START = { memory: async () => undefined, redis: startRedis, cluster: startCluster };

/** A closed stream is a receiver until the bridge sees that it is closed. */
async function hasNoSubscribers(bridge) {
  const { json } = await sendJson(bridge, "/pipeline", [
    ["PUBSUB", "CHANNELS"],
    ["PUBSUB", "NUMPAT"],
  ]);
  const [channels, patterns] = json.map(({ result }) => result);
  return channels.length === 0 && patterns === 0 ? true : undefined;
}

/**
 * Describes tests once for each of `stores`, out of `memory`, `redis` and `cluster`. `tests` gets an object that has, while a
 * test runs, `store` (its name), `bridge`, `backend` (see `redis.mjs`; nothing for `memory`) and `redis`, a client. Every test
 * begins with an empty store and without subscribers.
 */
export function onStores(stores, tests, { args = [] } = {}) {
  for (const store of stores) {
    describe(`the store ${store}`, () => {
      const running = { store };
      before(async () => {
        running.backend = await START[store]();
        running.bridge = await startBridge(running.backend?.url ?? "memory", args);
        running.redis = running.bridge.client();
      });
      beforeEach(async () => {
        if (store === "cluster") {
          await Promise.all(running.backend.nodes.map((node) => node.command("FLUSHALL")));
        } else {
          await running.redis.flushall();
          await eventually("the subscriptions of the last test to end", () => hasNoSubscribers(running.bridge));
        }
      });
      after(async () => {
        await running.bridge?.stop();
        await running.backend?.stop();
      });
      tests(running);
    });
  }
}
