// The rules of loading as data, which Rust has too: over memory at once, over a provider that takes time, and over a bridge.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { HttpCache, HttpInvalidations, MemoryCache, TieredCache } from "isocache";
import { until } from "../../support/waiting.mjs";
import { startBridge, TOKEN } from "../http/support/servers.mjs";
import { casesFor, runTrace } from "./traces.mjs";

/** A cache in memory, whose clock the trace moves. */
function memory() {
  let now = 1_000_000;
  const provider = new MemoryCache({ clock: () => now });
  return {
    provider,
    pass: async (milliseconds) => {
      now += milliseconds;
    },
    async ttlOf(key) {
      const left = provider.ttl(key);
      return left === undefined ? null : left * 1000;
    },
    count: async () => provider.stats().entries,
  };
}

/** Memory before memory. */
function tiers() {
  let now = 1_000_000;
  const clock = () => now;
  const far = new MemoryCache({ clock });
  const { pass, ttlOf, count } = {
    pass: async (milliseconds) => {
      now += milliseconds;
    },
    async ttlOf(key) {
      const left = provider.ttl(key);
      return left === undefined ? null : left * 1000;
    },
    count: async () => far.stats().entries,
  };
  const provider = new TieredCache({ far, invalidations: false, nearTtl: "7d", clock });
  return { provider, pass, ttlOf, count };
}

/** A remote cache whose entries expire when the trace says so, instead of by the clock of the server. */
function expiring(cache) {
  let now = 0;
  const deadlines = new Map();
  const milliseconds = (ttl) => (ttl === null ? Infinity : Number(/^(\d+)ms$/.exec(ttl)[1]));
  const provider = Object.create(cache, {
    keepsTags: { value: cache.keepsTags },
    // It is not the HttpCache itself.
    requests: { value: undefined },
    defaultTtl: { value: undefined },
    set: {
      async value(key, value, options) {
        await cache.set(key, value, options);
        await cache.command(key, (whole) => ["PERSIST", whole]);
        deadlines.set(key, now + milliseconds(options.ttl) + (options.staleFor ? milliseconds(options.staleFor) : 0));
      },
    },
  });
  for (const name of ["get", "getEntry", "getEntries", "getMany", "has", "stats", "delete", "clearPattern", "close"]) {
    Object.defineProperty(provider, name, { value: (...args) => cache[name](...args) });
  }
  /** Returns how many entries have expired. */
  const pass = async (time) => {
    now += time;
    const over = [...deadlines].filter(([, deadline]) => deadline <= now);
    for (const [key] of over) {
      deadlines.delete(key);
      await cache.command(key, (whole) => ["UNLINK", whole]);
    }
    return over.length;
  };
  return { provider, pass };
}

describe("traces of loading", () => {
  for (const [name, watched, cases] of [
    ["memory", false, casesFor("ttl", "count")],
    ["a provider that takes time", true, casesFor("ttl", "count", "store")],
  ]) {
    describe(name, () => {
      for (const one of cases) {
        test(one.name, (t) => runTrace(t, one, { ...memory(), watched }));
      }
    });

    describe(`memory before memory, as ${name}`, () => {
      for (const one of cases) {
        test(one.name, (t) => runTrace(t, one, { ...tiers(), watched }));
      }
    });
  }

  describe("HTTP", () => {
    let bridge;
    let number = 0;
    before(async () => {
      bridge = await startBridge();
    });
    after(() => bridge?.close());

    for (const one of casesFor("store")) {
      test(one.name, async (t) => {
        const provider = new HttpCache({
          url: bridge.url,
          token: TOKEN,
          timeout: "10m",
          namespace: `trace-${number++}`,
        });
        await runTrace(t, one, { ...expiring(provider), watched: true });
      });

      test(`memory before HTTP: ${one.name}`, async (t) => {
        const options = { url: bridge.url, token: TOKEN, timeout: "10m", namespace: `tier-${number++}` };
        const http = new HttpCache(options);
        const far = expiring(http);
        const announced = new Set();
        const invalidations = {
          listen: (listener) =>
            new HttpInvalidations(http).listen((event) => {
              listener(event);
              for (const key of event.keys ?? []) {
                announced.add(key);
              }
            }),
        };
        const provider = new TieredCache({ far: far.provider, invalidations });
        await provider.ready("5m");
        const pass = async (time) => {
          if ((await far.pass(time)) > 0) {
            // The copies end when that is announced: before what is written now.
            const mark = `passed:${number++}`;
            await http.set(mark, 1);
            await until(() => announced.has(mark) || provider.tierStats().link !== "connected");
            await http.delete(mark);
          }
        };
        try {
          await runTrace(t, one, { provider, pass, watched: true });
        } finally {
          t.mock.timers.reset();
          await provider.close();
        }
      });
    }
  });

  test("there are cases", () => {
    assert.ok(casesFor("ttl", "count", "store").length > 100);
  });
});
