// What a MemoryCache offers beside the rules of every provider: options, namespaces, iteration, dumps, listeners, environments.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { Cache, escapeGlob, MemoryCache } from "isocache";
import { run } from "../support/processes.mjs";

/** A cache whose clock the test moves, and the removals that it has told. */
function make(options) {
  const time = { now: 1000 };
  const left = [];
  const onRemoval = ({ key, value, reason }) => void left.push(`${key}=${value} ${reason}`);
  return { cache: new MemoryCache({ clock: () => time.now, onRemoval, ...options }), left, time };
}

describe("unknown options are refused, with the name that was meant", () => {
  const writes = {
    set: (cache, options) => cache.set("a", 1, options),
    setMany: (cache, options) => cache.setMany([{ key: "a", value: 1, ...options }]),
    setIfAbsent: (cache, options) => cache.setIfAbsent("b", 1, options),
    replace: (cache, options) => cache.replace("b", 1, options),
    increment: (cache, options) => cache.increment("n", 1, options),
  };
  for (const [name, write] of Object.entries(writes)) {
    for (const options of [
      { ex: 60 },
      { EX: 60 },
      { maxAge: 60 },
      { tll: "5m" },
      { TTL: 5 },
      { ttlMs: 5 },
      { expires: 1 },
    ]) {
      test(`${name} ${JSON.stringify(options)}`, async () => {
        const memory = new MemoryCache();
        const cache = new Cache();
        const [option] = Object.keys(options);
        const refused = new RegExp(`unknown option "${option}", did you mean (ttl|expiresAt)\\?.*the options are`);
        assert.throws(() => write(memory, options), refused);
        await assert.rejects(async () => write(cache, options), refused);
        assert.deepEqual([memory.size, (await cache.getStats()).entries], [0, 0]);
      });
    }
  }

  test("those of other caches, in the constructor", () => {
    for (const [given, meant] of Object.entries({
      max: "maxEntries",
      maxSize: "maxBytes",
      capacity: "maxEntries",
      stdTTL: "ttl",
      sizeCalculation: "sizeOf",
      dispose: "onRemoval",
      onEvict: "onRemoval",
      useClones: "clone",
      maxEntires: "maxEntries",
    })) {
      assert.throws(
        () => new MemoryCache({ [given]: 1 }),
        new RegExp(`unknown option "${given}"${meant === "clone" ? "" : `, did you mean ${meant}\\?`}`),
      );
    }
    assert.throws(() => new MemoryCache({ xyzzy: 1 }), /unknown option "xyzzy"; the options are maxEntries/);
    assert.throws(() => new MemoryCache({ ["t".repeat(100_000)]: 1 }), /unknown option "t{40}\.\.\."/);
  });
});

describe("expiresAt", () => {
  test("an absolute time, as a Date or in milliseconds", (t) => {
    t.mock.timers.enable({ apis: ["Date"], now: 1_800_000_000_000 });
    const cache = new MemoryCache();
    cache.set("a", 1, { expiresAt: 1_800_000_060_000 }).set("b", 2, { expiresAt: new Date(1_800_000_000_001) });
    assert.deepEqual([cache.ttl("a"), cache.ttl("b")], [60, 0.001]);
    cache.set("a", 3, { expiresAt: new Date(0) });
    assert.equal(cache.get("a"), undefined, "the time has passed: the entry is gone");
    cache.setMany([{ key: "b", value: 1, expiresAt: 1_700_000_000_000 }]);
    assert.equal(cache.size, 0);
    assert.throws(() => cache.set("a", 1, { expiresAt: 1_800_000_060 }), /multiply seconds by 1000/);
    assert.throws(() => cache.set("a", 1, { expiresAt: "2030" }), /expiresAt must be a Date/);
    assert.throws(() => cache.set("a", 1, { expiresAt: new Date("x") }), /expiresAt/);
    assert.throws(() => cache.set("a", 1, { expiresAt: 1_800_000_060_000, ttl: 1 }), /exclude each other/);
  });
});

describe("touchOnGet", () => {
  test("a hit starts the ttl of the entry again, its own", () => {
    const { cache, time } = make({ ttl: "10s", touchOnGet: true });
    cache.set("a", 1).set("b", 2, "3s").set("c", 3, null);
    for (let at = 0; at < 5; at++) {
      time.now += 2500;
      assert.deepEqual(cache.getMany(["a", "b", "c"]), [1, 2, 3]);
    }
    assert.deepEqual([cache.ttl("a"), cache.ttl("b"), cache.ttl("c")], [10, 3, null]);
    time.now += 2999;
    assert.deepEqual([cache.peek("b"), cache.has("b")], [2, true]);
    time.now += 1;
    assert.equal(cache.get("b"), undefined, "peek and has are no use");
  });

  test("a counter keeps its own ttl when it is incremented, and a new one gets it", () => {
    const { cache, time } = make({ touchOnGet: true });
    cache.increment("n", 1, "10s");
    time.now += 9000;
    assert.equal(cache.increment("n"), 2);
    assert.equal(cache.ttl("n"), 1);
    assert.deepEqual([cache.get("n"), cache.ttl("n")], [2, 10]);
    cache.incrementWithin("n", 1, { floor: 0, ceiling: 9, ttl: "3s" });
    time.now += 2000;
    assert.deepEqual([cache.get("n"), cache.ttl("n")], [3, 3]);
  });

  test("a new ttl leaves the window of an entry as long as it was", () => {
    const { cache, time } = make({ touchOnGet: true });
    for (const renew of ["get", "touch", "getAndTouch"]) {
      cache.set("a", 1, { ttl: "10s", staleFor: "5s" });
      time.now += 9000;
      cache[renew]("a", "10s");
      time.now += 12_000;
      assert.deepEqual(cache.getEntry("a"), { value: 1, freshFor: -2000 }, renew);
      time.now += 3000;
      assert.equal(cache.getEntry("a"), undefined, renew);
    }
    cache.set("a", 1, { ttl: "10s", staleFor: "5s" });
    cache.touch("a", null);
    time.now += 1e9;
    assert.deepEqual(cache.getEntry("a"), { value: 1, freshFor: null });
  });
});

describe("namespaces", () => {
  test("have their own keys, and the same table", () => {
    const { cache, left } = make({ maxEntries: 4 });
    const users = cache.namespace("user");
    const admins = users.namespace("admin");
    users.set("1", "Ada");
    admins.set("1", "Grace");
    cache.set("user:2", "Alan").set("other", "x");
    assert.deepEqual(
      [users.get("1"), users.get("admin:1"), users.get("2"), users.get("other")],
      ["Ada", "Grace", "Alan", undefined],
    );
    assert.deepEqual([cache.size, users.size, admins.size], [4, 3, 1]);
    assert.deepEqual([...admins], [["1", "Grace"]]);
    assert.deepEqual([...users.keys("admin:*")], ["admin:1"]);
    assert.equal(users.clearPattern("*"), 3);
    assert.deepEqual([...cache.keys()], ["other"]);
    assert.deepEqual(left.splice(0).sort(), [
      "user:1=Ada deleted",
      "user:2=Alan deleted",
      "user:admin:1=Grace deleted",
    ]);
    users.set("1", 1);
    admins.clear();
    assert.equal(users.size, 1);
    users.clear();
    assert.deepEqual([...cache.keys()], ["other"]);
    assert.equal(users.stats().sets, cache.stats().sets);
  });

  test("whose names are patterns mean themselves", () => {
    const cache = new MemoryCache();
    const odd = cache.namespace("a*[b]?\\");
    odd.set("k*", 1);
    cache.set("aX[b]?:k*", 2);
    assert.deepEqual([...odd.keys()], ["k*"]);
    assert.deepEqual([...odd.keys(escapeGlob("k*"))], ["k*"]);
    assert.equal(odd.clearPattern("*"), 1);
    assert.equal(cache.size, 1);
  });

  test("refuse what is no key, by the whole length", () => {
    const users = new MemoryCache().namespace("user");
    for (const key of ["", undefined, 1, null, "k".repeat(65_532)]) {
      for (const act of [
        (k) => users.get(k),
        (k) => users.set(k, 1),
        (k) => users.delete(k),
        (k) => users.setMany([{ key: k, value: 1 }]),
      ]) {
        assert.throws(() => act(key), /isocache: key/);
      }
    }
    users.set("k".repeat(65_531), 1);
    assert.throws(() => new MemoryCache().namespace(""), /key/);
  });
});

describe("iteration", () => {
  const filled = () => new MemoryCache().set("a", 1).set("b", 2).set("c", 3);

  test("values, forEach, find, keys by pattern", () => {
    const cache = filled();
    cache.get("a");
    assert.deepEqual([...cache.values()], [1, 3, 2]);
    const seen = [];
    cache.forEach((value, key, of) => void seen.push([key, value, of === cache]));
    assert.deepEqual(seen, [
      ["a", 1, true],
      ["c", 3, true],
      ["b", 2, true],
    ]);
    assert.equal(
      cache.find((value, key) => value > 1 && key !== "c"),
      2,
    );
    assert.equal(
      cache.find(() => false),
      undefined,
    );
    assert.deepEqual([...cache.keys("[ab]")], ["a", "b"]);
    assert.deepEqual([...cache.keys("b")], ["b"]);
    assert.throws(() => [...cache.keys("")], RangeError);
    assert.throws(() => cache.forEach(1), TypeError);
    assert.deepEqual([cache.stats().hits, [...cache.keys()]], [1, ["a", "c", "b"]]);
  });

  test("dump and load keep order and remaining ttl, through JSON", () => {
    const { cache, time } = make({ ttl: "10s" });
    cache
      .set("a", { x: [1] })
      .set("b", null, null)
      .set("c", "3", "5s")
      .set("d", 4, "1s");
    cache.get("a");
    time.now += 2000;
    const dump = JSON.parse(JSON.stringify(cache.dump()));
    const copy = make({ ttl: "1h" });
    copy.cache.load(dump);
    assert.deepEqual([...copy.cache], [...cache]);
    assert.deepEqual(
      ["a", "b", "c", "d"].map((key) => copy.cache.ttl(key)),
      [8, null, 3, undefined],
    );
    copy.cache.set("e", 5);
    copy.cache.resize(2);
    assert.deepEqual([...copy.cache.keys()], ["e", "a"]);
    const small = new MemoryCache({ maxEntries: 2 });
    small.load(dump);
    assert.deepEqual([...small.keys()], [...cache.keys()].slice(0, 2));
    assert.throws(() => small.load([{ key: "a" }]), /value of key "a"/);
    assert.throws(() => small.load("x"), TypeError);
    const users = copy.cache.namespace("user");
    users.load(dump);
    assert.deepEqual(
      users.dump().map(({ key }) => key),
      ["c", "a"],
    );
  });
});

describe("listeners", () => {
  test("a replaced value is told before what is evicted for it", () => {
    const { cache, left } = make({ maxEntries: 9, maxBytes: 10, sizeOf: (value) => value });
    cache.set("a", 4).set("b", 4);
    cache.set("b", 9);
    assert.deepEqual(left, ["b=4 replaced", "a=4 evicted"]);
  });

  test("close tells what leaves, once, expired ones as such", () => {
    const { cache, left, time } = make();
    cache.set("a", 1, "1s").set("b", 2);
    time.now += 1000;
    cache.close();
    cache.close();
    assert.deepEqual(left, ["a=1 expired", "b=2 deleted"]);
    assert.throws(() => cache.get("b"), /closed/);
  });

  test("a rejected promise is written to the console, and the operation stands", async (t) => {
    const error = t.mock.method(console, "error", () => undefined);
    const cache = new MemoryCache({ onRemoval: async ({ key }) => Promise.reject(new Error(`no ${key}`)) });
    cache.set("a", 1).set("b", 2);
    cache.deleteMany(["a", "b"]);
    await new Promise(setImmediate);
    assert.deepEqual(
      // Node itself warns by it, too.
      error.mock.calls.flatMap(({ arguments: [text, error] }) => (/onRemoval/.test(text) ? [error.message] : [])),
      ["no a", "no b"],
    );
  });
});

describe("environments", () => {
  const cwd = fileURLToPath(new URL(".", import.meta.url));
  /** What a program prints in an environment that `before` makes; if it fails, its error. */
  function load(before, script, entry = "isocache") {
    const program = `${before}; const { MemoryCache } = await import("${entry}"); ${script}`;
    return run(process.execPath, ["--input-type=module", "-e", program], { cwd }).catch(({ stderr }) => stderr);
  }
  const USE = 'console.log(new MemoryCache().set("a", MemoryCache.engine).get("a"))';

  test("without structuredClone: clone names it", async () => {
    const stderr = await load("delete globalThis.structuredClone", "new MemoryCache({ clone: true })");
    assert.match(stderr, /clone needs structuredClone, which this environment lacks \(jsdom under Jest/);
  });

  const failing = (Kind, message) =>
    `WebAssembly.Module = function () { throw new ${Kind}(${JSON.stringify(message)}); }`;
  const WITHOUT = {
    "without WebAssembly": ["delete globalThis.WebAssembly", /has none \(node --jitless, .*Import isocache instead/],
    "with a limit on synchronous compilation": [
      failing(
        "RangeError",
        "WebAssembly.Compile is disallowed on the main thread, if the buffer size is larger than 4KB",
      ),
      /does not compile it on the main thread \(Chrome before version 115\), only in workers\. Import isocache instead/,
    ],
    "with a Content-Security-Policy": [
      failing(
        "WebAssembly.CompileError",
        "Compiling or instantiating WebAssembly module violates the following Content Security policy directive",
      ),
      /the Content-Security-Policy of this page forbids it unless its script-src has 'wasm-unsafe-eval'/,
    ],
    "where code is compiled only at the start": [
      failing("WebAssembly.CompileError", "Wasm code generation disallowed by embedder"),
      /compiles it only while a program starts/,
    ],
    "for a reason that nobody foresaw": [failing("Error", "the moon is full"), /does not run here: the moon is full/],
  };
  for (const [what, [before, why]] of Object.entries(WITHOUT)) {
    test(`${what}: isocache runs as JavaScript, and isocache/wasm says why it does not`, async () => {
      assert.equal(await load(before, USE), "js\n");
      assert.match(await load(before, USE, "isocache/wasm"), why);
      assert.equal(await load(before, USE, "isocache/js"), "js\n");
    });
  }

  test("importing compiles nothing", async () => {
    const count = `let made = 0;
      WebAssembly.Module = class extends WebAssembly.Module { constructor(...of) { super(...of); made++; } }`;
    const print = "console.log(made); new MemoryCache(); new MemoryCache(); console.log(made)";
    for (const entry of ["isocache", "isocache/wasm", "isocache/memory"]) {
      assert.equal(await load(count, print, entry), "0\n1\n");
    }
  });
});
