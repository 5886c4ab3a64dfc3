// Processes over one store: one loader among them. The rules are those of the Rust crate: tests/load/leases.rs.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Cache, MemoryCache, Tagged } from "isocache";
import { schedules } from "../../support/schedules.mjs";
import { pause, Remote, seeded } from "./provider.mjs";

const KEY = "user:1";
const LEASE = "10s";

/** Processes over one store, at a time that the test sets. */
class Scene {
  now = 1_000;
  store = new MemoryCache({ clock: () => this.now });
  holders = new MemoryCache({ clock: () => this.now });
  loads = 0;
  running = 0;
  most = 0;

  constructor(t) {
    this.timers = t.mock.timers;
    this.timers.reset();
    this.timers.enable({ apis: ["setTimeout"] });
  }

  /** A provider of a process of its own. */
  process(turns) {
    const remote = new Remote(this.store, turns);
    remote.lease = async (key, holder, ttl) => {
      await pause(remote.turns());
      if (remote.broken) {
        throw new Error("the provider is broken");
      }
      const is = this.holders.get(key);
      const done = ttl === null ? is === holder : is === undefined;
      if (done) {
        ttl === null ? this.holders.delete(key) : this.holders.set(key, holder, `${ttl}ms`);
      }
      await pause(remote.turns());
      return done;
    };
    return remote;
  }

  /** A loader that takes this many milliseconds, and returns its number unless it is told to stop. */
  load(milliseconds) {
    return async ({ signal }) => {
      const number = ++this.loads;
      this.most = Math.max(this.most, ++this.running);
      try {
        await new Promise((resolve, reject) => {
          signal.addEventListener("abort", () => reject(signal.reason));
          setTimeout(resolve, milliseconds);
        });
      } finally {
        this.running--;
      }
      return number;
    };
  }

  /** Lets time pass until the work is done. */
  async until(work, step = 10) {
    let isDone = false;
    const done = work.finally(() => {
      isDone = true;
    });
    done.catch(() => undefined);
    for (let steps = 0; !isDone; steps++) {
      assert.ok(steps < 100_000, "a caller never stops waiting");
      await pause(30);
      this.advance(step);
    }
    return done;
  }

  advance(milliseconds) {
    this.now += milliseconds;
    this.timers.tick(milliseconds);
  }
}

const options = { ttl: "1h", lease: LEASE, timeout: null };

describe("lease", () => {
  test("callers of several processes share one load", async (t) => {
    await schedules(50, async (seed) => {
      const scene = new Scene(t);
      const below = seeded(seed);
      const caches = [0, 1, 2].map(() => new Cache({ provider: scene.process(() => below(4)) }));
      const asked = Array.from({ length: 12 }, (_, at) => caches[at % 3].getOrSet(KEY, scene.load(2000), options));
      assert.deepEqual(await scene.until(Promise.all(asked)), Array(12).fill(1), `seed ${seed}`);
      assert.deepEqual([scene.loads, scene.most, scene.holders.has(KEY)], [1, 1, false], `seed ${seed}`);
      assert.ok(scene.now < 4500, `seed ${seed}: waits are short, ${scene.now}`);
    });
  });

  test("a holder that died is followed by one other when its lease ends", async (t) => {
    const scene = new Scene(t);
    scene.holders.set(KEY, "who died", LEASE);
    const caches = [0, 1].map(() => new Cache({ provider: scene.process() }));
    await scene.until(Promise.all(caches.map((cache) => cache.getOrSet(KEY, scene.load(2000), options))));
    assert.deepEqual([scene.loads, scene.most], [1, 1]);
    assert.ok(scene.now >= 13_000 && scene.now < 14_000, `${scene.now}`);
  });

  test("a process that waits too long loads without the lease, which its holder keeps", async (t) => {
    const scene = new Scene(t);
    scene.holders.set(KEY, "who goes on", null);
    const cache = new Cache({ provider: scene.process() });
    assert.equal(await scene.until(cache.getOrSet(KEY, scene.load(0), options)), 1);
    assert.ok(scene.now >= 21_000 && scene.now < 21_500, `twice the ttl of a lease: ${scene.now}`);
    assert.equal(scene.holders.get(KEY), "who goes on");
  });

  test("a waiting process goes on when the value is stored, or the lease is free", async (t) => {
    for (const byValue of [true, false]) {
      const scene = new Scene(t);
      scene.holders.set(KEY, "another", LEASE);
      const cache = new Cache({ provider: scene.process() });
      setTimeout(() => (byValue ? scene.store.set(KEY, 7) : scene.holders.delete(KEY)), 5000);
      assert.equal(await scene.until(cache.getOrSet(KEY, scene.load(0), options)), byValue ? 7 : 1);
      assert.ok(scene.now >= 6000 && scene.now < 6500, `${scene.now}`);
      assert.equal(scene.holders.has(KEY), byValue, "what another holds stays its own");
    }
  });

  test("a call gets nothing that the store had no more when it began", async (t) => {
    await schedules(20, async (seed) => {
      for (let steps = 0; steps < 20; steps++) {
        const scene = new Scene(t);
        scene.holders.set(KEY, "another", LEASE);
        const below = seeded(seed);
        const cache = new Cache({ provider: scene.process(() => 1 + below(4)) });
        const waits = cache.getOrSet(KEY, scene.load(0), options);
        const later = (async () => {
          // The first call has found nothing, and waits for the lease.
          await new Promise((resolve) => setTimeout(resolve, 1000));
          scene.store.set(KEY, 7);
          scene.holders.delete(KEY);
          await new Promise((resolve) => setTimeout(resolve, 10 * Math.trunc(steps / 2)));
          await pause(steps);
          scene.store.delete(KEY);
          return cache.getOrSet(KEY, scene.load(0), options);
        })();
        const [first, second] = await scene.until(Promise.all([waits, later]));
        assert.ok([7, 1].includes(first), `seed ${seed}, ${steps} steps: ${first}`);
        assert.equal(second, 1, `seed ${seed}, ${steps} steps`);
      }
    });
  });

  test("a lease that expires during the load stays with its new holder", async (t) => {
    const scene = new Scene(t);
    const cache = new Cache({ provider: scene.process() });
    setTimeout(() => scene.holders.set(KEY, "another", LEASE), 11_000);
    assert.equal(await scene.until(cache.getOrSet(KEY, scene.load(15_000), options)), 1);
    assert.equal(scene.store.get(KEY), 1);
    assert.equal(scene.holders.get(KEY), "another");
  });

  test("it is given back by loads that fail, are not stored, are overtaken, and by callers that go away", async (t) => {
    const scene = new Scene(t);
    const cache = new Cache({ provider: scene.process() });
    const ask = (loader, more) => scene.until(cache.getOrSet(KEY, loader, { ...options, ...more }));
    const held = (is) => assert.equal(scene.holders.has(KEY), is);
    await assert.rejects(
      ask(() => {
        held(true);
        throw new Error("down");
      }),
      /down/,
    );
    held(false);
    await ask(() => held(true), { shouldCache: () => false });
    held(false);
    const overtaken = async () => {
      await cache.set(KEY, 9);
      held(true);
      return 2;
    };
    assert.equal(await ask(overtaken), 2);
    assert.equal(scene.store.get(KEY), 9);
    held(false);
    assert.equal(
      await ask(
        () => {
          held(false);
          return 3;
        },
        { forceFresh: true },
      ),
      3,
      "it takes no lease",
    );
    await cache.delete(KEY);
    const loading = new AbortController();
    setTimeout(() => loading.abort(new Error("gone")), 1000);
    await assert.rejects(ask(scene.load(5000), { signal: loading.signal }), /gone/);
    await pause(30);
    held(false);
    // And while it waits for it.
    scene.holders.set(KEY, "another", LEASE);
    const waiting = new AbortController();
    setTimeout(() => waiting.abort(new Error("gone")), 1000);
    const loads = scene.loads;
    await assert.rejects(ask(scene.load(0), { signal: waiting.signal }), /gone/);
    await scene.until(new Promise((resolve) => setTimeout(resolve, 60_000)));
    assert.equal(scene.loads, loads, "nobody waits any more");
  });

  test("a stale value is answered while another process loads, and not refreshed twice", async (t) => {
    const scene = new Scene(t);
    const cache = new Cache({ provider: scene.process() });
    const stale = { ...options, ttl: "1m", staleWhileRevalidate: "1m" };
    const ask = () => scene.until(cache.getOrSet(KEY, scene.load(0), stale));
    assert.equal(await ask(), 1);
    scene.advance(61_000);
    scene.holders.set(KEY, "another", LEASE);
    const before = scene.now;
    assert.equal(await ask(), 1);
    assert.ok(scene.now - before < 100);
    await scene.until(new Promise((resolve) => setTimeout(resolve, 100)));
    assert.equal(scene.loads, 1, "another process loads");
    // It has refreshed the value before what goes on behind has looked.
    scene.holders.delete(KEY);
    const answered = cache.getOrSet(KEY, scene.load(0), stale);
    await pause(8);
    scene.store.set(KEY, 7, { ttl: "1m", staleFor: "1m" });
    assert.equal(await scene.until(answered), 1);
    await scene.until(new Promise((resolve) => setTimeout(resolve, 100)));
    assert.deepEqual([scene.loads, scene.store.get(KEY), scene.holders.has(KEY)], [1, 7, false]);
    scene.advance(61_000);
    assert.equal(await ask(), 7);
    await scene.until(new Promise((resolve) => setTimeout(resolve, 100)));
    assert.deepEqual([scene.loads, scene.store.get(KEY)], [2, 2], "its turn");
  });

  test("a caller whose refresh is left to another process looks again", async (t) => {
    const scene = new Scene(t);
    const cache = new Cache({ provider: scene.process() });
    const stale = { ...options, ttl: "1m", staleWhileRevalidate: "1m" };
    assert.equal(await scene.until(cache.getOrSet(KEY, scene.load(0), stale)), 1);
    scene.advance(61_000);
    scene.holders.set(KEY, "another", LEASE);
    const first = await cache.getOrSet(KEY, scene.load(0), stale);
    // The flight of the refresh is under way, and the value is gone.
    scene.store.delete(KEY);
    const second = cache.getOrSet(KEY, scene.load(0), stale);
    setTimeout(() => scene.store.set(KEY, 7, { ttl: "1m", staleFor: "1m" }), 1000);
    assert.deepEqual([first, await scene.until(second), scene.loads], [1, 7, 1]);
  });

  test("a failing store is bypassed, or told", async (t) => {
    const scene = new Scene(t);
    const provider = scene.process();
    const cache = new Cache({ provider });
    const real = provider.lease;
    provider.lease = async () => {
      throw new Error("the lease fails");
    };
    let bypasses = 0;
    cache.on?.("bypass", () => bypasses++);
    assert.equal(await scene.until(cache.getOrSet(KEY, scene.load(0), options)), 1);
    assert.equal(bypasses, 1);
    assert.equal(scene.store.get(KEY), 1);
    scene.store.delete(KEY);
    await assert.rejects(
      scene.until(cache.getOrSet(KEY, scene.load(0), { ...options, onError: "propagate" })),
      /the lease fails/,
    );
    provider.lease = (key, holder, ttl) => (ttl === null ? Promise.reject(new Error("no")) : real(key, holder, ttl));
    assert.equal(await scene.until(cache.getOrSet(KEY, scene.load(0), options)), 2, "what was loaded stands");
  });

  test("a provider without leases refuses them, and memory needs none", async () => {
    const refused = { name: "TypeError", message: /lease/ };
    await assert.rejects(async () => new Cache({ provider: new Remote() }).getOrSet(KEY, () => 1, options), refused);
    for (const lease of [0, "soon", null, Infinity]) {
      await assert.rejects(async () => new Cache().getOrSet(KEY, () => 1, { lease }), /ttl|lease/);
    }
    const store = new MemoryCache();
    assert.equal(await new Cache({ provider: store }).getOrSet(KEY, () => 1, options), 1);
    assert.equal(store.stats().misses, 1, "nothing is asked for it");
    assert.equal(await new Cache({ provider: new Tagged(new MemoryCache()) }).getOrSet(KEY, () => 1, options), 1);
  });

  test("there are never two loaders while leases hold", async (t) => {
    await schedules(200, async (seed) => {
      const scene = new Scene(t);
      const below = seeded(seed);
      const caches = [0, 1].map(() => new Cache({ provider: scene.process(() => below(4)) }));
      const caller = async (at) => {
        const [start, takes, fails, aborts] = [below(40), 10 * below(40), below(6) === 0, below(4) === 0];
        await pause(start);
        const controller = new AbortController();
        const load = scene.load(takes);
        const loader = async (context) => {
          const number = await load(context);
          if (fails) {
            throw new Error("the loader fails");
          }
          return number;
        };
        if (aborts) {
          setTimeout(() => controller.abort(new Error("the caller goes")), 10 * below(30));
        }
        const asked = caches[at % 2].getOrSet(KEY, loader, { ...options, signal: controller.signal });
        await asked.catch(({ message }) => assert.match(message, /the loader fails|the caller goes/));
      };
      const writer = async (at) => {
        await pause(below(60));
        await (below(2) ? caches[at % 2].delete(KEY) : caches[at % 2].set(KEY, 1000));
      };
      const callers = Array.from({ length: 2 + below(6) }, (_, at) => caller(at));
      const writers = Array.from({ length: below(3) }, (_, at) => writer(at));
      await scene.until(Promise.all([...callers, ...writers]));
      await scene.until(new Promise((resolve) => setTimeout(resolve, 500)));
      assert.ok(scene.most <= 1, `seed ${seed}: two loaders at once`);
      assert.equal(scene.holders.has(KEY), false, `seed ${seed}: a lease is left`);
      assert.ok(scene.now < 11_000, `seed ${seed}: ${scene.now}`);
    });
  });
});
