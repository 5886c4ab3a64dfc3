// What is written comes back as it was: through JSON, base64, and the client's own encoding of values.

import assert from "node:assert/strict";
import { test } from "node:test";
import { onStores } from "./support/stores.mjs";
import { ODD_KEYS, TEXTS } from "./support/values.mjs";

onStores(["memory", "redis"], (its) => {
  for (const responseEncoding of ["base64", false]) {
    const client = (options) => its.bridge.client({ responseEncoding, ...options });

    test(`strings, with the encoding ${responseEncoding}`, async () => {
      const redis = client({ automaticDeserialization: false });
      for (const [index, text] of TEXTS.entries()) {
        await redis.set(`k${index}`, text);
        assert.equal(await redis.get(`k${index}`), text, JSON.stringify(text));
        assert.equal(await redis.exec(["GET", `k${index}`]), text, JSON.stringify(text));
      }
      const keys = TEXTS.map((_, index) => `k${index}`);
      assert.deepEqual(await redis.mget(keys), TEXTS, "as elements of an array");
    });

    test(`odd keys, with the encoding ${responseEncoding}`, async () => {
      const redis = client({ automaticDeserialization: false });
      for (const [index, key] of ODD_KEYS.entries()) {
        await redis.set(key, `value ${index}`);
      }
      const values = ODD_KEYS.map((_, index) => `value ${index}`);
      assert.deepEqual(await redis.mget(ODD_KEYS), values);
      assert.deepEqual((await redis.keys("*")).sort(), [...ODD_KEYS].sort());
      assert.equal(await redis.dbsize(), ODD_KEYS.length);
      assert.equal(await redis.del(...ODD_KEYS), ODD_KEYS.length);
    });

    test(`numbers, with the encoding ${responseEncoding}`, async () => {
      const redis = client();
      for (const number of [0, -1, 1.5, 1e21, 1e-7, 5e-324, 2 ** 53, -(2 ** 53), Number.MAX_VALUE]) {
        await redis.set("n", number);
        assert.equal(await redis.get("n"), number);
      }
      const big = "9007199254740993";
      assert.equal(await redis.exec(["INCRBY", "big", big]), big, "beyond 2^53 an integer is a text");
      assert.equal(await redis.exec(["DECRBY", "small", big]), `-${big}`);
      assert.equal(await redis.get("big"), big);
      assert.equal(await redis.exec(["INCRBY", "edge", String(2 ** 53 - 1)]), 2 ** 53 - 1);
    });

    test(`values as the client converts them, with the encoding ${responseEncoding}`, async () => {
      const redis = client();
      const values = [true, false, { a: [1, { b: null }] }, [], {}, "text", 'say "a"', [null, "OK", ["OK", ["OK"]]]];
      for (const value of values) {
        await redis.set("k", value);
        assert.deepEqual(await redis.get("k"), value);
        assert.deepEqual(await redis.mget("k", "k"), [value, value]);
      }
    });

    test(`1 MiB, with the encoding ${responseEncoding}`, async () => {
      const redis = client({ automaticDeserialization: false });
      const large = "\u00e4\u65e5x\u0000".repeat(2 ** 17).slice(0, 2 ** 19);
      assert.ok(Buffer.byteLength(large) > 2 ** 19);
      const plain = "x".repeat(2 ** 20);
      assert.equal(await redis.set("large", large), "OK");
      assert.equal(await redis.set("plain", plain), "OK");
      assert.ok((await redis.get("large")) === large);
      assert.deepEqual(
        (await redis.mget("plain", "large", "plain")).map((text) => text.length),
        [plain.length, large.length, plain.length],
      );
      assert.equal(await redis.strlen("plain"), 2 ** 20);
    });
  }
});

onStores(["redis"], (its) => {
  for (const responseEncoding of ["base64", false]) {
    test(`a stored OK at every depth, with the encoding ${responseEncoding}`, async () => {
      const redis = its.bridge.client({ responseEncoding });
      await redis.rpush("list", "OK", "OK");
      assert.deepEqual(await redis.lrange("list", 0, -1), ["OK", "OK"]);
      await redis.hset("hash", { OK: "OK" });
      assert.deepEqual(await redis.hgetall("hash"), { OK: "OK" });
      assert.deepEqual(await redis.exec(["HSCAN", "hash", "0"]), [0, ["OK", "OK"]]);
      assert.deepEqual(await redis.eval("return {'OK', {'OK', {'OK', {'OK'}}}}", [], []), [
        "OK",
        ["OK", ["OK", ["OK"]]],
      ]);
      assert.deepEqual(await redis.eval("return {redis.status_reply('OK'), {redis.status_reply('OK')}}", [], []), [
        "OK",
        ["OK"],
      ]);
    });
  }
});
