// @upstash/ratelimit, whose scripts carry a flag that plain Redis does not know. Windows are so long that none ends meanwhile.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Ratelimit } from "@upstash/ratelimit";
import { onStores } from "./support/stores.mjs";

const LIMITERS = {
  fixedWindow: Ratelimit.fixedWindow(3, "1000 d"),
  slidingWindow: Ratelimit.slidingWindow(3, "1000 d"),
  tokenBucket: Ratelimit.tokenBucket(3, "1000 d", 3),
};

onStores(["redis"], (its) => {
  for (const [name, limiter] of Object.entries(LIMITERS)) {
    const make = (options) =>
      new Ratelimit({ redis: its.bridge.client(), limiter, ephemeralCache: false, timeout: 300_000, ...options });

    test(`${name}: three requests pass, the fourth does not, other clients are not affected`, async () => {
      const ratelimit = make();
      const before = Date.now();
      for (const remaining of [2, 1, 0]) {
        const answer = await ratelimit.limit("ann");
        assert.deepEqual([answer.success, answer.limit, answer.remaining], [true, 3, remaining]);
        assert.equal(answer.reason, undefined);
        if (name !== "tokenBucket") {
          assert.ok(answer.reset > before && answer.reset <= Date.now() + 2 * 1000 * 86_400_000, String(answer.reset));
        }
      }
      for (let again = 0; again < 3; again++) {
        const refused = await ratelimit.limit("ann");
        assert.deepEqual([refused.success, refused.limit, refused.remaining], [false, 3, 0]);
        assert.ok(refused.reset > before, String(refused.reset));
      }
      assert.deepEqual((await ratelimit.limit("bob")).remaining, 2);
    });

    test(`${name}: remaining requests, rates, resets and prefixes`, async () => {
      const ratelimit = make({ prefix: "one" });
      assert.equal((await ratelimit.getRemaining("ann")).remaining, 3);
      assert.equal((await ratelimit.limit("ann", { rate: 2 })).remaining, 1);
      assert.equal((await ratelimit.getRemaining("ann")).remaining, 1);
      assert.equal((await make({ prefix: "two" }).limit("ann")).remaining, 2);
      await ratelimit.resetUsedTokens("ann");
      assert.equal((await ratelimit.getRemaining("ann")).remaining, 3);
      assert.equal((await make({ prefix: "two" }).getRemaining("ann")).remaining, 2);
    });

    test(`${name}: exactly three of 30 concurrent requests pass`, async () => {
      const ratelimits = Array.from({ length: 3 }, () => make());
      const answers = await Promise.all(Array.from({ length: 30 }, (_, index) => ratelimits[index % 3].limit("ann")));
      assert.equal(answers.filter(({ success }) => success).length, 3);
    });
  }
});

onStores(["memory"], (its) => {
  for (const [name, limiter] of Object.entries(LIMITERS)) {
    test(`${name}: the embedded store has no scripts, and says so`, async () => {
      const ratelimit = new Ratelimit({ redis: its.redis, limiter, ephemeralCache: false, timeout: 300_000 });
      await assert.rejects(ratelimit.limit("ann"), (error) => {
        assert.match(error.message, /ERR unknown command 'evalsha'/i);
        assert.match(error.message, /embedded store/);
        return true;
      });
    });
  }
});
