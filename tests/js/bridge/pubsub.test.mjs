// Messages, as @upstash/redis publishes and receives them.

import assert from "node:assert/strict";
import { test } from "node:test";
import { eventually, withinLimit } from "../../support/waiting.mjs";
import { onStores } from "./support/stores.mjs";

/** Collects what a subscriber hears; `next` waits for the next of it. */
function listen(subscriber, ...events) {
  const [heard, waiting] = [[], []];
  for (const event of events) {
    subscriber.on(event, (data) => {
      const item = { event, data };
      const waiter = waiting.shift();
      if (waiter) {
        waiter(item);
      } else {
        heard.push(item);
      }
    });
  }
  return () => {
    const item = heard.shift();
    return item ?? withinLimit(`one of ${events.join(", ")}`, new Promise((resolve) => waiting.push(resolve)));
  };
}

onStores(["memory", "redis"], (its) => {
  test("SUBSCRIBE", async () => {
    const { redis } = its;
    const subscriber = redis.subscribe("news");
    const next = listen(subscriber, "subscribe", "message", "unsubscribe", "error");
    try {
      assert.deepEqual(await next(), { event: "subscribe", data: 1 });
      for (const message of [
        "text",
        { a: [1, "\u00e4"] },
        42,
        "with, commas,",
        "two\r\nlines\n\ndata: x",
        { b: "\n" },
        "",
      ]) {
        assert.equal(await redis.publish("news", message), 1);
        assert.deepEqual(await next(), { event: "message", data: { channel: "news", message } });
      }
      assert.equal(await redis.publish("other", "x"), 0);
    } finally {
      await subscriber.unsubscribe();
    }
  });

  test("several channels, each with its own stream", async () => {
    const { redis } = its;
    const subscriber = redis.subscribe(["a", "b"]);
    const next = listen(subscriber, "subscribe");
    const nextOf = { a: listen(subscriber, "message:a"), b: listen(subscriber, "message:b") };
    try {
      assert.deepEqual([(await next()).data, (await next()).data], [1, 1]);
      assert.deepEqual(subscriber.getSubscribedChannels().sort(), ["a", "b"]);
      assert.equal(await redis.publish("b", "to b"), 1);
      assert.equal(await redis.publish("a", "to a"), 1);
      assert.deepEqual((await nextOf.a()).data.message, "to a");
      assert.deepEqual((await nextOf.b()).data.message, "to b");
    } finally {
      await subscriber.unsubscribe();
    }
  });

  test("PSUBSCRIBE", async () => {
    const { redis } = its;
    const subscriber = redis.psubscribe("user:*:[ab]");
    const next = listen(subscriber, "psubscribe", "pmessage", "error");
    try {
      assert.deepEqual(await next(), { event: "psubscribe", data: 1 });
      assert.equal(await redis.publish("user:1:c", { no: true }), 0);
      assert.equal(await redis.publish("user:1:a", { yes: true }), 1);
      assert.deepEqual(await next(), {
        event: "pmessage",
        data: { pattern: "user:*:[ab]", channel: "user:1:a", message: { yes: true } },
      });
    } finally {
      await subscriber.unsubscribe();
    }
  });

  test("a message reaches each of 10 subscribers once, in order", async () => {
    const { redis } = its;
    const subscribers = Array.from({ length: 10 }, () => its.bridge.client().subscribe("c"));
    try {
      const ready = subscribers.map((subscriber) => listen(subscriber, "subscribe"));
      const next = subscribers.map((subscriber) => listen(subscriber, "message"));
      await Promise.all(ready.map((isReady) => isReady()));
      for (let message = 0; message < 50; message++) {
        assert.equal(await redis.publish("c", message), 10);
      }
      for (const nextOf of next) {
        for (let message = 0; message < 50; message++) {
          assert.equal((await nextOf()).data.message, message);
        }
      }
    } finally {
      await Promise.all(subscribers.map((subscriber) => subscriber.unsubscribe()));
    }
  });

  test("a subscriber that disconnects is gone", async () => {
    const { redis } = its;
    const subscriber = redis.subscribe("leaving");
    const next = listen(subscriber, "subscribe");
    await next();
    await subscriber.unsubscribe();
    await eventually("the subscription to end", async () =>
      (await redis.publish("leaving", "x")) === 0 ? true : undefined,
    );
  });

  test("a transaction can publish", async () => {
    const { redis } = its;
    const subscriber = redis.subscribe("c");
    const next = listen(subscriber, "subscribe", "message");
    try {
      await next();
      assert.deepEqual(await redis.multi().set("k", 1).publish("c", "changed").exec(), ["OK", 1]);
      assert.equal((await next()).data.message, "changed");
    } finally {
      await subscriber.unsubscribe();
    }
  });
});
