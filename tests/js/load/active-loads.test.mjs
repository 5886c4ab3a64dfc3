// Loaders are followed through their promises only while one runs: in Node up to 23 it makes every promise slower.

import assert from "node:assert/strict";
import { AsyncLocalStorage } from "node:async_hooks";
import { describe, test } from "node:test";
import { Cache } from "isocache";

const { run, disable } = AsyncLocalStorage.prototype;
const seen = [];
AsyncLocalStorage.prototype.run = function (...args) {
  seen.push("run");
  return run.apply(this, args);
};
AsyncLocalStorage.prototype.disable = function () {
  seen.push("disable");
  disable.call(this);
};

/** A loader that ends when it is told to. */
function held() {
  let end;
  const ended = new Promise((resolve) => {
    end = resolve;
  });
  return { load: () => ended, end };
}

/** A loader that asks for its own key, after an `await`. */
const asksItself = (cache, key, meanwhile) => async () => {
  await meanwhile?.();
  return `outer ${await cache.getOrSet(key, async () => "inner")}`;
};

describe("following loaders", () => {
  test("ends with the last that runs", async () => {
    const cache = new Cache();
    const [one, other] = [held(), held()];
    const answers = [cache.getOrSet("one", one.load), cache.getOrSet("other", other.load)];
    one.end(1);
    assert.equal(await answers[0], 1);
    assert.deepEqual(seen.splice(0), ["run", "run"]);
    other.end(2);
    assert.equal(await answers[1], 2);
    assert.deepEqual(seen.splice(0), ["disable"]);
    assert.equal(await cache.getOrSet("one", one.load), 1);
    assert.deepEqual(seen, []);
  });

  test("ends with one that fails, or throws before it has returned a promise", async () => {
    const cache = new Cache();
    await assert.rejects(
      cache.getOrSet("a", async () => Promise.reject(new Error("down"))),
      /down/,
    );
    const throwing = () => {
      throw new Error("at once");
    };
    await assert.rejects(cache.getOrSet("a", throwing), /at once/);
    assert.deepEqual(seen.splice(0), ["run", "disable", "run", "disable"]);
  });

  test("begins anew with the next, and goes on while another ends", async () => {
    const cache = new Cache();
    assert.equal(await cache.getOrSet("a", asksItself(cache, "a")), "outer inner");
    assert.equal(await cache.getOrSet("b", asksItself(cache, "b")), "outer inner");
    const [slow, quick] = [held(), held()];
    const answer = cache.getOrSet("c", asksItself(cache, "c", slow.load));
    const meanwhile = cache.getOrSet("d", quick.load);
    quick.end(1);
    await meanwhile;
    slow.end();
    assert.equal(await answer, "outer inner");
  });

  // As in workerd. It is the last test, since nothing is let go of afterwards.
  test("goes on where it cannot be ended", async () => {
    let asked = 0;
    AsyncLocalStorage.prototype.disable = () => {
      asked++;
      throw new Error("disable() is not implemented");
    };
    const cache = new Cache();
    assert.equal(await cache.getOrSet("a", asksItself(cache, "a")), "outer inner");
    assert.equal(await cache.getOrSet("b", asksItself(cache, "b")), "outer inner");
    assert.equal(asked, 1);
  });
});
