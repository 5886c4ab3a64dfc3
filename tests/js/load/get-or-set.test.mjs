// `getOrSet`: what callers see, case by case.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Cache, LoadTimeoutError, MemoryCache } from "isocache";
import { gate, pause, Remote } from "./provider.mjs";

/** A cache whose time is moved by hand. */
function clocked(options) {
  const time = { now: 1000 };
  const store = new MemoryCache({ clock: () => time.now });
  return { time, store, cache: new Cache({ provider: store, ...options }) };
}

const failing = () => Promise.reject(new Error("down"));

describe("getOrSet", () => {
  test("a call that begins while a value is being stored does not get it if the store has it no more", async () => {
    for (let steps = 0; steps < 40; steps++) {
      const store = new MemoryCache();
      const remote = new Remote(store, () => 8);
      // Reads take less time than writes.
      remote.get = async (key) => store.get(key);
      const cache = new Cache({ provider: remote });
      const first = cache.getOrSet("k", () => "old");
      await pause(steps);
      const second = store.delete("k") ? cache.getOrSet("k", () => "new") : undefined;
      assert.equal(await first, "old");
      if (second !== undefined) {
        assert.equal(await second, "new", `${steps} steps`);
      }
    }
  });

  test("loads once, stores, and takes null for a value and undefined for none", async () => {
    const cache = new Cache();
    let loads = 0;
    const load = (value) => () => {
      loads++;
      return value;
    };
    assert.equal(await cache.getOrSet("a", load(1)), 1);
    assert.equal(await cache.getOrSet("a", load(2)), 1);
    assert.equal(await cache.getOrSet("null", load(null)), null);
    assert.equal(await cache.getOrSet("null", load(1)), null);
    assert.equal(await cache.getOrSet("none", load(undefined)), undefined);
    assert.equal(await cache.has("none"), false);
    assert.equal(await cache.getOrSet("big", load(100), { shouldCache: (value) => value < 10 }), 100);
    assert.equal(await cache.has("big"), false);
    assert.equal(loads, 4);
  });

  test("shares a failure and does not store it", async () => {
    const cache = new Cache();
    let loads = 0;
    const load = async () => {
      loads++;
      await pause(5);
      throw new Error("down");
    };
    const outcomes = await Promise.allSettled(Array.from({ length: 10 }, () => cache.getOrSet("k", load)));
    assert.ok(outcomes.every(({ reason }) => reason === outcomes[0].reason && reason.message === "down"));
    assert.equal(loads, 1);
    assert.equal(await cache.getOrSet("k", () => 1), 1);
  });

  test("is shared by namespaces and by caches over one provider", async () => {
    const provider = new MemoryCache();
    const [one, two] = [new Cache({ provider }).namespace("user"), new Cache({ provider })];
    const { opened, open } = gate();
    const first = one.getOrSet("1", () => opened);
    const second = two.getOrSet("user:1", () => assert.fail("it is being loaded"));
    open("Ada");
    assert.deepEqual(await Promise.all([first, second]), ["Ada", "Ada"]);
  });

  test("takes the ttl of the call, of the value, or of the cache, shortened by jitter", async (t) => {
    const { store, cache } = clocked({ ttl: "1m" });
    t.mock.method(Math, "random", () => 0.5);
    await cache.getOrSet("cache", () => 1);
    await cache.getOrSet("call", () => 1, "10s");
    await cache.getOrSet("value", () => 3, { ttl: (value) => `${value}s` });
    await cache.getOrSet("never", () => 1, { ttl: null });
    await cache.getOrSet("jitter", () => 1, { ttl: "10s", jitter: 0.5 });
    assert.deepEqual(
      ["cache", "call", "value", "never", "jitter"].map((key) => store.ttl(key)),
      [60, 10, 3, null, 7.5],
    );
  });

  for (const remote of [false, true]) {
    const where = remote ? "a provider that takes turns" : "memory";
    test(`answers a stale value at once and loads behind, once: ${where}`, async () => {
      const { time, store } = clocked();
      const cache = new Cache({ provider: remote ? new Remote(store) : store });
      const behind = [];
      let loads = 0;
      const options = { ttl: "10s", staleWhileRevalidate: "5s", waitUntil: (work) => behind.push(work) };
      const ask = () =>
        cache.getOrSet(
          "k",
          async () => {
            await pause(3);
            return ++loads;
          },
          options,
        );
      assert.equal(await ask(), 1);
      await Promise.all(behind.splice(0));
      time.now += 12_000;
      assert.deepEqual(await Promise.all([ask(), ask(), ask()]), [1, 1, 1]);
      assert.equal(behind.length, 1, "a worker is told of it");
      await Promise.all(behind);
      assert.deepEqual([await ask(), loads], [2, 2]);
      time.now += 15_000;
      assert.equal(await ask(), 3, "beyond the window callers wait");
    });
  }

  test("falls back to what was where the load fails", async () => {
    const { time, cache } = clocked();
    const options = { ttl: "10s", staleIfError: "1m" };
    await cache.getOrSet("k", () => 1, options);
    time.now += 69_000;
    assert.equal(await cache.getOrSet("k", failing, options), 1);
    time.now += 1000;
    await assert.rejects(cache.getOrSet("k", failing, options), /down/);
  });

  test("loads early what ends soon", async (t) => {
    const { time, cache } = clocked();
    // Chance decides by logarithm: with 1/e, exactly the time that a load takes before the end.
    t.mock.method(Math, "random", () => Math.exp(-1));
    const options = { ttl: "10s", earlyRefresh: "2s" };
    let loads = 0;
    const ask = () => cache.getOrSet("k", () => ++loads, options);
    await ask();
    time.now += 7999;
    assert.deepEqual([await ask(), loads], [1, 1]);
    time.now += 2;
    assert.deepEqual([await ask(), loads], [1, 2]);
    await pause(5);
    assert.equal(await ask(), 2);
  });

  test("forceFresh loads in any case, and takes nothing from an older load", async () => {
    const cache = new Cache();
    const { opened, open } = gate();
    const old = cache.getOrSet("k", () => opened);
    assert.equal(await cache.getOrSet("k", () => "new", { forceFresh: true }), "new");
    open("old");
    assert.equal(await old, "old");
    assert.equal(await cache.get("k"), "new");
  });

  test("a caller's signal ends its wait, and the last one's the loader", async () => {
    const cache = new Cache();
    const [one, two] = [new AbortController(), new AbortController()];
    let told;
    const load = ({ signal }) => {
      told = signal;
      return new Promise(() => undefined);
    };
    const first = cache.getOrSet("k", load, { signal: one.signal });
    const second = cache.getOrSet("k", load, { signal: two.signal });
    one.abort(new Error("one goes"));
    await assert.rejects(first, /one goes/);
    assert.equal(told.aborted, false);
    two.abort(new Error("two goes"));
    await assert.rejects(second, /two goes/);
    assert.equal(told.aborted, true);
    await assert.rejects(
      cache.getOrSet("k", () => 1, { signal: two.signal }),
      /two goes/,
    );
    assert.equal(await cache.getOrSet("k", () => 1), 1);
  });

  test("a loader has a limit, and what comes late is not stored", async (t) => {
    t.mock.timers.enable({ apis: ["setTimeout"] });
    const cache = new Cache();
    const { opened, open } = gate();
    let signal;
    const slow = (context) => {
      signal = context.signal;
      return opened;
    };
    const answer = assert.rejects(cache.getOrSet("k", slow, { timeout: "2s" }), (error) => {
      assert.ok(error instanceof LoadTimeoutError);
      assert.match(error.message, /"k" took longer than 2000 ms/);
      return true;
    });
    await pause(5);
    t.mock.timers.tick(2000);
    await answer;
    assert.equal(signal.aborted, true);
    open(1);
    await pause(5);
    assert.equal(await cache.has("k"), false);
  });

  test("a loader may ask for other keys, and for its own", async () => {
    const cache = new Cache();
    const value = await cache.getOrSet("a", async () => {
      await pause(2);
      const other = await cache.getOrSet("b", () => 1);
      const own = await cache.getOrSet("a", () => 10);
      assert.equal(await cache.has("a"), false, "what the inner load brought is not stored");
      return 100 + other + own;
    });
    assert.equal(value, 111);
  });

  test("a broken provider is passed over or reported", async () => {
    const provider = new Remote();
    provider.broken = true;
    const cache = new Cache({ provider });
    assert.equal(await cache.getOrSet("k", () => 1), 1);
    await assert.rejects(
      cache.getOrSet("k", () => 1, { onError: "propagate" }),
      /the provider is broken/,
    );
  });

  test("what cannot be is refused, and nothing is loaded", async () => {
    const cache = new Cache({ provider: { ...callable(), get: () => undefined } });
    const never = () => assert.fail("nothing is to be loaded");
    for (const [options, why] of [
      [{ jitter: 2 }, /jitter/],
      [{ jitter: "a" }, /jitter/],
      [{ ttl: 0 }, /ttl/],
      [{ timeout: -1 }, /timeout/],
      [{ stale: "1m" }, /unknown option "stale", did you mean staleWhileRevalidate/],
      [{ onError: "ignore" }, /onError/],
      [{ shouldCache: 1 }, /shouldCache/],
      [{ staleIfError: "1m", ttl: "1m" }, /getEntry/],
      [{ staleIfError: "1m", ttl: null }, /staleIfError needs a ttl/],
      [{ staleWhileRevalidate: "1m", ttl: null }, /staleWhileRevalidate needs a ttl/],
      [{ detached: 1 }, /detached/],
    ]) {
      await assert.rejects(cache.getOrSet("k", never, options), why);
    }
    await assert.rejects(cache.getOrSet("", never), /key/);
    await assert.rejects(cache.getOrSet("k", 1), /loader/);
  });

  test("a loader is told the old value that it replaces", async (t) => {
    const { time, cache } = clocked();
    t.mock.method(Math, "random", () => 0.3678);
    const seen = [];
    const ask = async (value, options) => {
      const background = [];
      const waitUntil = (work) => background.push(work);
      const load = ({ stale, background }) => {
        seen.push([stale, background]);
        // Unchanged since then, as after a conditional request.
        return value ?? stale;
      };
      const found = await cache.getOrSet("k", load, { ttl: "10s", waitUntil, ...options });
      await Promise.all(background);
      return found;
    };
    await ask(1);
    time.now += 9000;
    assert.equal(await ask(2, { earlyRefresh: "2s", staleWhileRevalidate: "10s" }), 1);
    time.now += 12_000;
    assert.equal(await ask(3, { staleWhileRevalidate: "10s", staleIfError: "1m" }), 2);
    time.now += 30_000;
    assert.equal(await ask(undefined, { staleWhileRevalidate: "10s", staleIfError: "1m" }), 3);
    time.now += 5000;
    assert.equal(await ask(9), 3, "the unchanged value is fresh again");
    time.now += 30_000;
    await ask(5);
    assert.deepEqual(seen, [
      [undefined, false],
      [1, true],
      [2, true],
      [3, false],
      [undefined, false],
    ]);
  });

  test("a loader that is used by nobody any more has a limit, though it is detached", async (t) => {
    t.mock.timers.enable({ apis: ["setTimeout"] });
    const cache = new Cache();
    let signal;
    const hanging = (context) => {
      signal = context.signal;
      return new Promise(() => undefined);
    };
    const answer = cache.getOrSet("k", hanging, { detached: true, timeout: "1s" });
    t.mock.timers.tick(1000);
    await assert.rejects(answer, LoadTimeoutError);
    assert.equal(signal.aborted, false);
    t.mock.timers.tick(28_999);
    assert.equal(signal.aborted, false);
    t.mock.timers.tick(1);
    assert.equal(signal.aborted, true);
    await pause(5);
    assert.equal(await cache.getOrSet("k", () => 1), 1);
  });

  test("a store that never answers a write delays nobody beyond the limit", async (t) => {
    t.mock.timers.enable({ apis: ["setTimeout"] });
    const provider = new Remote();
    provider.set = () => new Promise(() => undefined);
    const cache = new Cache({ provider });
    const { signal } = new AbortController();
    const asked = [
      cache.getOrSet("k", () => 1, "1m"),
      cache.getOrSet("k", () => 2, "1m"),
      cache.getOrSet("k", () => 3, { ttl: "1m", timeout: "10s" }),
      cache.getOrSet("k", () => 4, { ttl: "1m", signal }),
    ];
    await pause(20);
    t.mock.timers.tick(30_000);
    assert.deepEqual(await Promise.all(asked), [1, 1, 1, 1]);
  });

  test("callers that give up one by one leave the load to the last", async () => {
    const cache = new Cache();
    const { opened, open } = gate();
    const controllers = [1, 2, 3].map(() => new AbortController());
    let signal;
    const load = (context) => {
      signal = context.signal;
      return opened;
    };
    const asked = controllers.map((controller) => cache.getOrSet("k", load, { signal: controller.signal }));
    for (const [at, controller] of controllers.slice(0, 2).entries()) {
      controller.abort(new Error(`gone ${at}`));
      await assert.rejects(asked[at], /gone/);
    }
    assert.equal(signal.aborted, false);
    open("value");
    assert.equal(await asked[2], "value");
    assert.equal(await cache.get("k"), "value");
  });

  test("an entry that is kept as stale counts nowhere", async () => {
    const { time, store, cache } = clocked();
    await cache.set("k", 1, { ttl: "10s", staleFor: "1m" });
    await cache.set("j", 2, "1h");
    time.now += 20_000;
    assert.deepEqual([store.size, store.stats().entries, [...store.keys()]], [1, 1, ["j"]]);
    assert.deepEqual([store.peek("k"), store.ttl("k"), store.get("k")], [undefined, undefined, undefined]);
    assert.deepEqual([await cache.clearPattern("*"), store.size], [1, 0]);
    assert.equal(await cache.getOrSet("k", () => 3, { ttl: "10s", staleIfError: "1m" }), 3);
    await assert.rejects(cache.set("k", 1, { ttl: null, staleFor: "1m" }), /give ttl beside .*staleFor/);
    await assert.rejects(cache.set("k", 1, { ttl: "1m", staleFor: 0 }), RangeError);
    assert.equal(await cache.get("k"), 3);
  });

  test("the cache's own ttl is one that windows can follow", async () => {
    let now = 1000;
    const cache = new Cache({ ttl: "10s", clock: () => now });
    await cache.getOrSet("k", () => 1, { staleIfError: "1m" });
    now += 20_000;
    assert.equal(await cache.getOrSet("k", failing, { staleIfError: "1m" }), 1);
    const without = new Cache();
    await assert.rejects(
      without.getOrSet("k", () => 1, { staleIfError: "1m" }),
      /staleIfError needs a ttl/,
    );
    const provider = new MemoryCache();
    await assert.rejects(
      new Cache({ provider }).getOrSet("k", () => 1, { staleIfError: "1m" }),
      /never becomes stale/,
    );
  });
});

function callable() {
  const names = ["set", "delete", "has", "clearPattern", "stats"];
  return Object.fromEntries(names.map((name) => [name, () => undefined]));
}
