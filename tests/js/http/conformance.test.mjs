// The rules that every provider keeps, over HTTP: against the bridge with each store, and a server without our extensions.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import * as isocache from "isocache";
import { messagePackSerializer } from "isocache/msgpack";
import { startRedis } from "../../support/redis.mjs";
import { runCase } from "../conformance.mjs";
import { remoteCases, remoteSubjects } from "../conformance-subjects.mjs";
import { startForeign } from "./support/foreign.mjs";
import { startBridge } from "./support/servers.mjs";

const read = (name) => JSON.parse(readFileSync(new URL(`../../vectors/${name}.json`, import.meta.url), "utf8"));
const conformance = read("conformance");
const globs = read("glob");

const SERVERS = {
  "the bridge, with its own store": { hasClock: false, start: () => startBridge() },
  "the bridge, with Redis": {
    hasClock: false,
    async start() {
      const redis = await startRedis();
      const bridge = await startBridge("--store", redis.url);
      const close = async () => {
        await bridge.close();
        await redis.close();
      };
      return { ...bridge, close };
    },
  },
  "another server of the protocol": { hasClock: true, start: () => startForeign() },
};

test("there are enough cases that can be run", () => {
  assert.ok(remoteCases(conformance, true).cases.length >= 65, `${remoteCases(conformance, true).cases.length}`);
  assert.ok(remoteCases(conformance, false).cases.length >= 40, `${remoteCases(conformance, false).cases.length}`);
});

test("cases on a clock that goes on leave it minutes", () => {
  const ttls = ({ options, steps }) => [
    options.default_ttl_ms,
    ...steps.flatMap((step) => [step, ...(step.entries ?? [])]).map(({ ttl_ms }) => ttl_ms),
  ];
  for (const one of remoteCases(conformance, false).cases) {
    const short = ttls(one).filter((ttl) => ttl > 0 && ttl < 5 * 60_000);
    assert.deepEqual(short, [], one.name);
  }
});

for (const [where, { hasClock, start }] of Object.entries(SERVERS)) {
  describe(where, () => {
    const { leftOut } = remoteCases(conformance, hasClock);
    let server;
    before(async () => {
      server = await start();
    });
    after(() => server?.close());

    test("cases that move the clock, which cannot be moved here", (t) => t.diagnostic(`${leftOut} are left out`));

    for (const [format, serializer] of Object.entries({ JSON: undefined, MessagePack: messagePackSerializer })) {
      const isBridge = where !== "another server of the protocol";
      const tiers = isBridge ? ["TieredCache over HttpCache"] : [];
      for (const subject of ["HttpCache", "Cache over HttpCache", ...tiers]) {
        describe(`${subject}, ${format}`, () => {
          for (const one of remoteCases(conformance, hasClock, serializer).cases) {
            test(`rule ${one.rule}: ${one.name}`, async () => {
              const { url, token, store } = server;
              const advance = (ms) => {
                store.now += ms;
              };
              await runCase(
                one,
                remoteSubjects({ url, token, serializer, timeout: "5m", isBridge }, hasClock && advance)[subject],
                isocache,
              );
            });
          }
        });
      }
    }

    test("globs", async () => {
      const cache = new isocache.HttpCache({ url: server.url, token: server.token, timeout: "5m" });
      await cache.clear();
      const joined = (parts) =>
        [parts]
          .flat()
          .map((part) => (typeof part === "string" ? part : part.repeat[0].repeat(part.repeat[1])))
          .join("");
      for (const [patternParts, keyParts, matches] of globs.cases) {
        const [pattern, key] = [joined(patternParts), joined(keyParts)];
        if (pattern !== "") {
          await cache.set(key, 1);
          assert.equal(
            await cache.clearPattern(pattern),
            Number(matches),
            JSON.stringify([pattern, key]).slice(0, 200),
          );
          assert.equal(await cache.delete(key), !matches);
        }
      }
    });
  });
}
