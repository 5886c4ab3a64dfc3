// tests/vectors/limiter.json, which Rust runs too: in memory, in a Cache, and over HTTP.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { MemoryCache, RateLimiter } from "isocache";
import { LongLived } from "./support/long-lived.mjs";
import { stores } from "./support/stores.mjs";

const { cases } = JSON.parse(readFileSync(new URL("../vectors/limiter.json", import.meta.url), "utf8"));
const MAKE = { fixed_window: "fixedWindow", sliding_window: "slidingWindow", token_bucket: "tokenBucket" };

const STORES = stores(LongLived);

async function run({ algorithm, limit, window_ms, steps }, make) {
  let now = 0;
  const clock = () => now;
  const limiter = RateLimiter[MAKE[algorithm]](make(clock), limit, `${window_ms}ms`, { clock });
  for (const [index, { at, op, cost, expect, window_ms: actual = window_ms }] of steps.entries()) {
    now = at;
    const where = `step ${index}: ${JSON.stringify(steps[index])}`;
    if (op === "reset") {
      assert.equal(await limiter.resetKey("k"), expect, where);
    } else {
      const answer = await limiter[`${op}Key`]("k", { cost });
      const [allowed, remaining, resetAfter] = expect;
      assert.deepEqual(answer, { allowed, limit, remaining, resetAfter, window: actual, error: undefined }, where);
    }
  }
}

for (const [name, make] of Object.entries(STORES)) {
  for (const one of cases) {
    test(`${name}: ${one.name}`, () => run(one, make));
  }
}

test("a wrong expectation is noticed", async () => {
  const wrong = structuredClone(cases[0]);
  wrong.steps[0].expect[1]++;
  await assert.rejects(
    run(wrong, (clock) => new MemoryCache({ clock })),
    /step 0/,
  );
  assert.ok(cases.length >= 19);
});
