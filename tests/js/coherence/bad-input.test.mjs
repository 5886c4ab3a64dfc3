// What a `TieredCache` says of wrong options, and of a source of changes that is not there.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Cache, HttpCache, HttpInvalidations, MemoryCache, Tagged, TieredCache } from "isocache";

/** No server listens on the port. */
const nowhere = () => new HttpCache({ url: "http://127.0.0.1:1", retries: 0, breaker: false });

test("a wrong option is refused, with the cause and the remedy", () => {
  const cases = [
    [undefined, TypeError, /options must be an object, not undefined/],
    [{}, TypeError, /far must be an object, not undefined/],
    [{ far: "http://127.0.0.1:1" }, TypeError, /far must be an object, not "http:/],
    [{ far: new Cache() }, TypeError, /far is a Cache; give its provider, .*new TieredCache\(\{ far: provider \}\)/],
    [{ far: new Cache({ provider: nowhere() }) }, TypeError, /far is a Cache; give its provider/],
    [{ far: new Tagged(nowhere()) }, TypeError, /far has tags, .*put Tagged over the tiers/],
    [{ far: new MemoryCache() }, TypeError, /far does not announce changed keys; give invalidations, or .* nearTtl/],
    [{ far: nowhere(), invalidations: false }, TypeError, /invalidations: false needs nearTtl/],
    [{ far: nowhere(), nearTTL: "5s" }, TypeError, /unknown option "nearTTL", did you mean nearTtl\?/],
    [{ far: nowhere(), nearTtl: "1h30m" }, TypeError, /nearTtl must be .* as "90m", not "1h30m"/],
    [{ far: nowhere(), nearTtl: 0 }, RangeError, /nearTtl must be greater than 0, not 0/],
    [{ far: nowhere(), serveSuspect: "sometimes" }, TypeError, /serveSuspect must be "never" or .*, not "sometimes"/],
    [{ far: nowhere(), retryWrites: -1 }, RangeError, /retryWrites must be a whole number from 0 .*, not -1/],
    [{ far: nowhere(), near: { max: 5 } }, TypeError, /unknown option "max", did you mean maxEntries\?/],
    [{ far: nowhere(), near: { maxEntries: 0 } }, RangeError, /maxEntries must be a whole number from 1 /],
  ];
  for (const [options, { name }, message] of cases) {
    assert.throws(() => new TieredCache(options), { name, message });
  }
  assert.throws(() => new HttpInvalidations(new MemoryCache()), { name: "TypeError", message: /must be an HttpCache/ });
});

test("ready has a time limit, and its error says why the source did not connect", async () => {
  const tiers = new TieredCache({ far: nowhere() });
  const failed = tiers.ready("50ms");
  // A second call has a limit of its own, and close ends it.
  const closed = tiers.ready("1h");
  await assert.rejects(failed, (error) => {
    assert.equal(error.code, "timeout");
    assert.match(error.message, /no connection for changed keys within 50 ms \(the argument of ready\)/);
    return true;
  });
  await tiers.close();
  await assert.rejects(closed, /this TieredCache is closed/);
  await assert.rejects(tiers.ready(), /this TieredCache is closed/);
});

test("a wrong time limit of ready is refused", async () => {
  const tiers = new TieredCache({ far: nowhere() });
  await assert.rejects(tiers.ready("soon"), { name: "TypeError", message: /timeout must be .*, not "soon"/ });
  await assert.rejects(tiers.ready(0), { name: "RangeError", message: /timeout must be greater than 0, not 0/ });
  await tiers.close();
});
