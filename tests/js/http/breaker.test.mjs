// The circuit breaker, with a clock that only the tests move; tokens; and giving up by a signal.

import assert from "node:assert/strict";
import { after, before, beforeEach, describe, test } from "node:test";
import { HttpCache } from "isocache/http";
import { until } from "../../support/waiting.mjs";
import * as fault from "./support/faults.mjs";
import { startForeign } from "./support/foreign.mjs";
import { heldTimers } from "./support/timers.mjs";

const TRANSPORTS = [
  ["Node's client", undefined],
  ["fetch", (url, init) => globalThis.fetch(url, init)],
];
let server;
let faults;
before(async () => {
  server = await startForeign();
  faults = await fault.startFaults(server.url);
});
after(async () => {
  await faults?.close();
  await server?.close();
});
beforeEach(async () => {
  // What the test before has given up may still be on the way.
  await until(() => faults.open === 0);
  server.reset();
  Object.assign(faults, { requests: [], faults: [], always: {}, abandoned: 0 });
});
const cache = (options) => new HttpCache({ url: faults.url, token: server.token, timeout: "5m", ...options });
const code = (promise) =>
  promise.then(
    () => "fine",
    (error) => error.code ?? error.name,
  );
describe("the breaker", () => {
  let time;
  const breaking = (options) => {
    time = { now: 5 };
    const breaker = { failures: 3, cooldown: "10s" };
    return cache({ breaker, retries: 0, batch: false, clock: () => time.now, ...options });
  };

  async function opened(options) {
    const broken = breaking(options);
    faults.faults = [fault.reset, fault.answer(503, "{}"), fault.answer(200, "<html>")];
    assert.equal(await code(broken.get("a")), "connection");
    assert.equal(await code(broken.get("a")), "unavailable");
    assert.equal(broken.breakerState, "closed");
    assert.equal(await code(broken.get("a")), "protocol");
    assert.equal(broken.breakerState, "open");
    faults.requests.length = 0;
    return broken;
  }

  test("opens after failures in a row, and no request goes out", async () => {
    const broken = await opened();
    for (let at = 0; at < 1000; at++) {
      assert.equal(await code(broken.set("a", at)), "unavailable");
    }
    await assert.rejects(broken.get("a"), /not sent: http:.* failed 3 times in a row; next try in 10.0 s \(last: /);
    time.now += 9_999;
    assert.equal(await code(broken.get("a")), "unavailable");
    assert.equal(faults.requests.length, 0);
  });

  test("lets one request try after a while, and closes if it succeeds", async () => {
    const broken = await opened();
    time.now += 10_000;
    assert.equal(broken.breakerState, "half-open");
    const outcomes = await Promise.all([broken.get("a"), broken.get("a"), broken.get("a")].map(code));
    assert.deepEqual(outcomes, ["fine", "unavailable", "unavailable"]);
    assert.equal(faults.requests.length, 1);
    assert.equal(broken.breakerState, "closed");
    assert.equal(await code(broken.get("a")), "fine");
    // It starts to count again.
    faults.faults = [fault.reset, fault.reset];
    await code(broken.get("a"));
    await code(broken.get("a"));
    assert.equal(broken.breakerState, "closed");
  });

  test("opens again if the one fails", async () => {
    const broken = await opened();
    time.now += 10_000;
    faults.faults = [fault.reset];
    assert.equal(await code(broken.get("a")), "connection");
    assert.equal(broken.breakerState, "open");
    time.now += 9_999;
    assert.equal(await code(broken.get("a")), "unavailable");
    assert.equal(faults.requests.length, 1);
    time.now += 1;
    assert.equal(await code(broken.get("a")), "fine");
  });

  test("if the one is given up by its caller, the next one tries", async () => {
    const broken = await opened();
    time.now += 10_000;
    faults.faults = [fault.stalledHeaders];
    const controller = new AbortController();
    const given = code(broken.get("a", { signal: controller.signal }));
    await until(() => faults.requests.length === 1);
    controller.abort();
    assert.equal(await given, 20);
    assert.equal(broken.breakerState, "half-open");
    assert.equal(await code(broken.get("a")), "fine");
  });

  test("a success between failures resets the count; refusals are not failures", async () => {
    const broken = breaking();
    for (let turn = 0; turn < 5; turn++) {
      faults.faults = [fault.reset, fault.reset];
      await code(broken.get("a"));
      await code(broken.get("a"));
      assert.equal(await code(broken.get("a")), "fine");
    }
    faults.faults = Array(20).fill(fault.answer(403, "{}"));
    for (let turn = 0; turn < 10; turn++) {
      assert.equal(await code(broken.get("a")), "refused");
    }
    assert.equal(broken.breakerState, "closed");
  });

  test("a server that does not answer in time opens it", async (t) => {
    const timers = heldTimers(t, 7_000);
    const broken = breaking({ timeout: "7s" });
    faults.faults = Array(3).fill(fault.stalledHeaders);
    for (let turn = 1; turn <= 3; turn++) {
      const outcome = code(broken.get("a"));
      await until(() => faults.requests.length === turn);
      timers.fire();
      assert.equal(await outcome, "timeout");
    }
    assert.equal(broken.breakerState, "open");
  });

  test("a clock that is set back does not keep it open", async () => {
    const broken = await opened();
    time.now = 0;
    assert.equal(await code(broken.get("a")), "fine");
  });

  test("can be left out", async () => {
    const broken = breaking({ breaker: false });
    faults.faults = Array(50).fill(fault.reset);
    for (let turn = 0; turn < 50; turn++) {
      assert.equal(await code(broken.get("a")), "connection");
    }
    assert.equal(await code(broken.get("a")), "fine");
  });

  test("namespaces share it", async () => {
    const broken = await opened();
    assert.equal(broken.namespace("n").breakerState, "open");
    assert.equal(await code(broken.namespace("n").get("a")), "unavailable");
  });
});

describe("tokens from a function", () => {
  test("one is asked for when it is needed, and used until it is refused", async () => {
    let minted = 0;
    const minting = cache({
      token: async () => {
        server.tokens.clear();
        server.tokens.add(`minted-${++minted}`);
        return `minted-${minted}`;
      },
    });
    try {
      await new Promise(setImmediate);
      assert.equal(minted, 0);
      await Promise.all([minting.set("a", 1), minting.getWithTtl("a")]);
      await minting.get("a");
      assert.equal(minted, 1);
      server.tokens.clear();
      assert.equal(await minting.get("a"), 1, "it has expired, and a new one is asked for");
      assert.equal(minted, 2);
      server.tokens.clear();
      assert.equal(await minting.increment("n"), 1, "a refused request did nothing");
      assert.equal(minted, 3);
      assert.equal(faults.requests.at(-1).headers.authorization, "Bearer minted-3");
      assert.ok(faults.requests.every(({ path }) => !path.includes("minted")));
    } finally {
      server.tokens.add(server.token);
    }
  });

  test("a new one that is refused as well: refused, after one more request", async () => {
    let minted = 0;
    const minting = cache({ token: () => `wrong-${++minted}`, retries: 5 });
    await assert.rejects(minting.get("a"), { code: "refused" });
    assert.deepEqual([minted, faults.requests.length], [2, 2]);
    await assert.rejects(cache({ token: "wrong" }).get("a"), { code: "refused" });
    assert.equal(faults.requests.length, 3, "a fixed one is not tried again");
  });

  test("operations that wait meanwhile share one", async () => {
    let minted = 0;
    let give;
    const minting = cache({
      batch: false,
      token: () => {
        minted++;
        return new Promise((resolve) => {
          give = resolve;
        });
      },
    });
    const all = Promise.all([minting.get("a"), minting.get("b"), minting.get("c")]);
    await until(() => minted > 0);
    give(server.token);
    await all;
    assert.equal(minted, 1);
  });

  test("a function that fails, that throws, that gives no token, that never answers", async (t) => {
    const oh = new Error("oh");
    for (const token of [
      () => Promise.reject(oh),
      () => {
        throw oh;
      },
    ]) {
      const minting = cache({ token });
      await assert.rejects(minting.get("a"), (error) => error.code === "refused" && error.cause === oh);
      await assert.rejects(minting.get("a"), { code: "refused" });
    }
    for (const token of [() => "", () => "secret\r\nx: y", () => 5, () => undefined]) {
      const error = await cache({ token })
        .get("a")
        .catch((error) => error);
      assert.equal(error.code, "refused");
      assert.ok(!`${error.message}${error.cause.message}`.includes("secret"));
    }
    let asked = 0;
    const timers = heldTimers(t, 7_000);
    const never = cache({
      timeout: "7s",
      token: () => {
        asked++;
        return new Promise(() => undefined);
      },
    });
    for (let turn = 1; turn <= 2; turn++) {
      const outcome = code(never.get("a"));
      await until(() => asked === turn);
      timers.fire();
      assert.equal(await outcome, "timeout");
    }
    assert.equal(asked, 2, "the next operation requests it again");
    assert.equal(never.breakerState, "closed");
    assert.equal(faults.requests.length, 0);
  });
});

describe("an AbortSignal", () => {
  test("that is aborted already: no request, and its reason", async () => {
    const reason = new Error("mine");
    const signal = AbortSignal.abort(reason);
    const one = cache();
    const signalled = { signal };
    for (const promise of [
      one.get("a", signalled),
      one.set("a", 1, signalled),
      one.delete("a", signalled),
      one.has("a", signalled),
      one.getMany(["a"], signalled),
      one.setMany([{ key: "a", value: 1 }], signalled),
      one.deleteMany(["a"], signalled),
      one.clearPattern("a*", signalled),
      one.clearPattern("a", signalled),
      one.getWithTtl("a", signalled),
      one.increment("a", 1, signalled),
      one.getStats(signalled),
    ]) {
      await assert.rejects(promise, (error) => error === reason);
    }
    await assert.rejects(one.get("a", { signal: AbortSignal.abort() }), { name: "AbortError" });
    await new Promise(setImmediate);
    assert.equal(faults.requests.length, 0);
  });

  for (const [transport, fetch] of TRANSPORTS) {
    test(`that is aborted on the way leaves no request running: ${transport}`, async () => {
      for (const stalled of [fault.stalledHeaders, fault.stalledBody]) {
        Object.assign(faults, { requests: [], faults: [stalled], abandoned: 0 });
        const controller = new AbortController();
        const promise = cache({ fetch }).get("a", { signal: controller.signal });
        await until(() => faults.requests.length === 1);
        controller.abort();
        await assert.rejects(promise, { name: "AbortError" });
        await until(() => faults.abandoned === 1);
        assert.equal(faults.requests.length, 1);
      }
    });
  }

  test("that is aborted before the request goes out: none does", async () => {
    const controller = new AbortController();
    const promise = cache().get("a", { signal: controller.signal });
    controller.abort();
    await assert.rejects(promise, { name: "AbortError" });
    await new Promise(setImmediate);
    assert.equal(faults.requests.length, 0);
  });

  for (const [transport, fetch] of TRANSPORTS) {
    test(`that is aborted at any moment leaves no request running: ${transport}`, async () => {
      // Also a request that comes late, after the next moment has begun.
      faults.always = { pipeline: fault.stalledHeaders };
      for (let moment = 0; moment < 40; moment++) {
        const controller = new AbortController();
        const one = cache({ fetch });
        const promise = one.get("a", { signal: controller.signal });
        const rejected = assert.rejects(promise, { name: "AbortError" });
        for (let passed = 0; passed < moment; passed++) {
          // The moments before the request goes out are those between two steps of the client.
          await (moment < 30 ? undefined : new Promise(setImmediate));
        }
        controller.abort();
        await rejected;
        for (let turn = 0; turn < 30; turn++) {
          await new Promise(setImmediate);
        }
        await until(() => faults.open === 0);
      }
    });

    test(`that is aborted at any moment mixes up no replies: ${transport}`, async () => {
      const one = cache({ fetch });
      const keys = Array.from({ length: 20 }, (_, at) => `k${at}`);
      await one.setMany(keys.map((key) => ({ key, value: key })));
      for (let moment = 0; moment < 60; moment++) {
        const controller = new AbortController();
        const all = keys.map((key, at) => one.get(key, at % 3 === 0 ? { signal: controller.signal } : undefined));
        const outcomes = Promise.allSettled(all);
        for (let passed = 0; passed < moment; passed++) {
          await (moment < 30 ? undefined : new Promise(setImmediate));
        }
        controller.abort();
        for (const [at, { value, reason }] of (await outcomes).entries()) {
          assert.equal(reason === undefined || at % 3 > 0 ? value : keys[at], keys[at]);
        }
      }
    });
  }

  test("leaves the others of its request alone, and no reply goes to another", async () => {
    const one = cache();
    await one.setMany([1, 2, 3].map((value) => ({ key: `k${value}`, value })));
    let pass;
    faults.faults = [
      async (response, go) => {
        const { body } = await go();
        await new Promise((resolve) => {
          pass = resolve;
        });
        response.end(body);
      },
    ];
    const controller = new AbortController();
    const all = Promise.allSettled([one.get("k1"), one.get("k2", { signal: controller.signal }), one.get("k3")]);
    await until(() => pass !== undefined);
    controller.abort();
    pass();
    const outcomes = await all;
    assert.deepEqual(
      outcomes.map(({ value, reason }) => value ?? reason.name),
      [1, "AbortError", 3],
    );
  });

  test("no listener stays on a signal that is used again", async () => {
    let listeners = 0;
    const signal = {
      aborted: false,
      reason: undefined,
      addEventListener: () => listeners++,
      removeEventListener: () => listeners--,
    };
    const one = cache();
    await Promise.all([one.set("a", 1, { signal }), one.get("a", { signal }), one.clearPattern("b*", { signal })]);
    faults.faults = [fault.answer(500, "{}")];
    await assert.rejects(one.get("a", { signal }));
    assert.equal(listeners, 0);
  });
});
