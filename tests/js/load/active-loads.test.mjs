// Loaders are followed through their promises only while one runs: in Node up to 23 it makes every promise slower.

import assert from "node:assert/strict";
import { AsyncLocalStorage } from "node:async_hooks";
import { describe, test } from "node:test";
import { Cache } from "isocache";

const { run, disable } = AsyncLocalStorage.prototype;
/** Whether something is followed now, by the last call. */
let isFollowing = false;
AsyncLocalStorage.prototype.run = function (...args) {
  isFollowing = true;
  return run.apply(this, args);
};
AsyncLocalStorage.prototype.disable = function () {
  isFollowing = false;
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
  test("begins after the turn in which a load begins, and ends with the last loader", async () => {
    const cache = new Cache();
    const [one, other] = [held(), held()];
    const answers = [cache.getOrSet("one", one.load), cache.getOrSet("other", other.load)];
    assert.equal(isFollowing, false, "callers that come in the same turn are not slowed down");
    await undefined;
    assert.equal(isFollowing, true);
    one.end(1);
    assert.equal(await answers[0], 1);
    assert.equal(isFollowing, true);
    other.end(2);
    assert.equal(await answers[1], 2);
    assert.equal(isFollowing, false);
    assert.equal(await cache.getOrSet("one", one.load), 1);
    assert.equal(isFollowing, false);
  });

  test("ends with one that fails, or throws before it has returned a promise", async () => {
    const cache = new Cache();
    await assert.rejects(
      cache.getOrSet("a", async () => Promise.reject(new Error("down"))),
      /down/,
    );
    assert.equal(isFollowing, false);
    const throwing = () => {
      throw new Error("at once");
    };
    await assert.rejects(cache.getOrSet("a", throwing), /at once/);
    assert.equal(isFollowing, false);
  });

  for (const [name, wait] of [
    ["await", () => undefined],
    ["a promise", () => new Promise((resolve) => resolve())],
    ["a tick", () => new Promise((resolve) => process.nextTick(resolve))],
    ["a timer", () => new Promise((resolve) => setTimeout(resolve))],
    ["a turn", () => new Promise((resolve) => setImmediate(resolve))],
  ]) {
    test(`finds itself after ${name}, also within another loader`, async () => {
      const cache = new Cache();
      assert.equal(await cache.getOrSet("a", asksItself(cache, "a", wait)), "outer inner");
      const within = async () => {
        const value = await cache.getOrSet("c", asksItself(cache, "c", wait));
        return `${value}, ${await cache.getOrSet("b", async () => "b")}`;
      };
      assert.equal(await cache.getOrSet("b", within), "outer inner, b");
      const together = ["d", "e", "f"].map((key) => cache.getOrSet(key, asksItself(cache, key, wait)));
      assert.deepEqual(await Promise.all(together), Array(3).fill("outer inner"));
    });
  }

  test("finds itself in a tick of its own", async () => {
    const cache = new Cache();
    const load = () =>
      new Promise((resolve) => {
        process.nextTick(async () => resolve(await cache.getOrSet("a", async () => "inner")));
      });
    assert.equal(await cache.getOrSet("a", load), "inner");
  });

  test("begins again with the next load, and goes on while another ends", async () => {
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
  test("goes on where it cannot be stopped", async () => {
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
