// What calls leave behind: nothing in AsyncLocalStorage, and one listener for each signal.

import assert from "node:assert/strict";
import { AsyncLocalStorage } from "node:async_hooks";
import { getEventListeners } from "node:events";
import { before, describe, test } from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { Cache, cached, MemoryCache } from "isocache";
import { Remote } from "./provider.mjs";

let gc;
before(() => {
  setFlagsFromString("--expose-gc");
  gc = runInNewContext("gc");
});

/** Lets timers run, and the garbage go. */
async function collected(reference) {
  for (let turn = 0; turn < 100 && reference.deref() !== undefined; turn++) {
    await new Promise((resolve) => setImmediate(resolve));
    gc();
  }
  return reference.deref() === undefined;
}

const heap = async () => {
  for (let turn = 0; turn < 3; turn++) {
    await new Promise((resolve) => setImmediate(resolve));
    gc();
  }
  return process.memoryUsage().heapUsed;
};

describe("AsyncLocalStorage", () => {
  test("a timer of a loader pins neither its value nor its flight", async (t) => {
    const cache = new Cache({ maxEntries: 1 });
    let reference;
    let timer;
    t.after(() => clearInterval(timer));
    await cache.getOrSet("a", async () => {
      await undefined;
      timer = setInterval(() => undefined, 60_000);
      const value = { large: new Array(1000).fill(0) };
      reference = new WeakRef(value);
      return value;
    });
    await cache.set("b", 1);
    assert.equal(await collected(reference), true);
  });

  test("refreshes that are started by timers of loaders leave nothing", async () => {
    const cache = new Cache({ maxEntries: 1 });
    const refresh = (left) =>
      new Promise((resolve, reject) => {
        const load = async () => {
          // The next is started in the context of this loader, while it runs and after it.
          setImmediate(() => (left === 0 ? resolve() : refresh(left - 1).then(resolve, reject)));
          await new Promise((ended) => setImmediate(ended));
          return new Array(1000).fill(left);
        };
        cache.getOrSet("a", load, { forceFresh: true }).catch(reject);
      });
    await refresh(200);
    const before = await heap();
    await refresh(4000);
    const grown = (await heap()) - before;
    // Each value takes 8 kB: 4,000 that were pinned would be 32 MB.
    assert.ok(grown < 8e6, `${grown} bytes more`);
  });

  test("a loader still finds itself in what it started, also beside loaders that have ended", async () => {
    const cache = new Cache();
    const inner = async () => cache.getOrSet("a", async () => "inner");
    const value = await cache.getOrSet("a", async () => {
      const other = await cache.getOrSet("b", async () => {
        // The loader of b has the place of a around its own, and asks for a after an await.
        await undefined;
        return inner();
      });
      return `outer ${other} ${await inner()}`;
    });
    assert.equal(value, "outer inner inner");
  });

  test("contexts of the program are kept", async () => {
    const storage = new AsyncLocalStorage();
    const cache = new Cache();
    const seen = await storage.run("mine", () =>
      cache.getOrSet("a", async () => {
        await undefined;
        return storage.getStore();
      }),
    );
    assert.equal(seen, "mine");
  });
});

describe("memory", () => {
  test("is flat after 100,000 refreshes", async () => {
    let number = 0;
    const load = cached(async () => ({ number: ++number }), { key: "k", cache: new Cache() });
    const refresh = async (times) => {
      for (let time = 0; time < times; time++) {
        await load.refresh();
      }
    };
    await refresh(10_000);
    const before = await heap();
    await refresh(100_000);
    const grown = (await heap()) - before;
    assert.equal(number, 110_000);
    assert.ok(grown < 1e6, `${grown} bytes more`);
  });

  test("is flat after many stale answers with background loads", async () => {
    let now = 1000;
    const cache = new Cache({ provider: new MemoryCache({ clock: () => now }) });
    let number = 0;
    const ask = async (times) => {
      for (let time = 0; time < times; time++) {
        now += 1500;
        const background = [];
        const waitUntil = (work) => background.push(work);
        await cache.getOrSet("k", async () => ({ number: ++number }), {
          ttl: "1s",
          staleWhileRevalidate: "1s",
          waitUntil,
        });
        await Promise.all(background);
      }
    };
    await ask(5000);
    const before = await heap();
    await ask(50_000);
    const grown = (await heap()) - before;
    assert.ok(number > 50_000);
    assert.ok(grown < 1e6, `${grown} bytes more`);
  });
});

describe("AbortSignal", () => {
  test("has one listener, however many calls wait with it, and none afterwards", async (t) => {
    const warned = [];
    const listener = (warning) => warned.push(warning);
    process.on("warning", listener);
    t.after(() => process.off("warning", listener));
    const { signal } = new AbortController();
    for (const provider of [new MemoryCache(), new Remote()]) {
      const cache = new Cache({ provider });
      let open;
      const opened = new Promise((resolve) => {
        open = resolve;
      });
      const asked = Array.from({ length: 50 }, (_, at) => cache.getOrSet(`${at % 25}`, () => opened, { signal }));
      await new Promise((resolve) => setImmediate(resolve));
      assert.equal(getEventListeners(signal, "abort").length, 1);
      open(1);
      assert.deepEqual(await Promise.all(asked), Array(50).fill(1));
      assert.equal(getEventListeners(signal, "abort").length, 0);
    }
    await new Promise((resolve) => setImmediate(resolve));
    assert.deepEqual(warned, []);
  });

  test("aborts all calls that wait with it, and those that come later", async () => {
    const cache = new Cache();
    const controller = new AbortController();
    const { signal } = controller;
    const asked = Array.from({ length: 50 }, (_, at) =>
      cache.getOrSet(`${at % 25}`, () => new Promise(() => {}), { signal }),
    );
    controller.abort(new Error("gone"));
    for (const { reason } of await Promise.allSettled(asked)) {
      assert.equal(reason.message, "gone");
    }
    await assert.rejects(
      cache.getOrSet("k", () => 1, { signal }),
      /gone/,
    );
    assert.equal(getEventListeners(signal, "abort").length, 0);
  });
});

describe("callers of one load", () => {
  test("without a signal or limit of their own have one promise, whose failure nobody handles is reported", async () => {
    const cache = new Cache();
    const asked = Array.from({ length: 10 }, () => cache.getOrSet("k", () => Promise.reject(new Error("down"))));
    assert.equal(new Set(asked).size, 1);
    const unhandled = [];
    const listener = (reason) => unhandled.push(reason.message);
    const others = process.listeners("unhandledRejection");
    process.removeAllListeners("unhandledRejection");
    process.on("unhandledRejection", listener);
    await new Promise((resolve) => setImmediate(resolve));
    await new Promise((resolve) => setImmediate(resolve));
    process.off("unhandledRejection", listener);
    for (const other of others) {
      process.on("unhandledRejection", other);
    }
    assert.deepEqual(unhandled, ["down"]);
  });

  test("a failure that one of them handles is not reported, and nothing of the cache's own is", async () => {
    const cache = new Cache();
    const fail = () => Promise.reject(new Error("down"));
    await assert.rejects(cache.getOrSet("k", fail), /down/);
    await assert.rejects(cache.getOrSet("k", fail, { timeout: "1m" }), /down/);
    await assert.rejects(cache.getOrSet("k", fail, { signal: new AbortController().signal }), /down/);
    await assert.rejects(cache.getOrSet("k", fail, { detached: true, timeout: "1s" }), /down/);
    await new Promise((resolve) => setImmediate(resolve));
  });
});
