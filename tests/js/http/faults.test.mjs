// Every way in which a server or the network can fail, by each transport: the operation ends within its limit with the right
// error, and nothing is done twice that must not be.

import assert from "node:assert/strict";
import { after, before, beforeEach, describe, test } from "node:test";
import { CacheError, HttpCache } from "isocache/http";
import { until, withinLimit } from "../../support/waiting.mjs";
import * as fault from "./support/faults.mjs";
import { startForeign } from "./support/foreign.mjs";
import { heldTimers } from "./support/timers.mjs";

const TRANSPORTS = { "Node's client": undefined, fetch: (url, init) => fetch(url, init) };
const HTML = "<!doctype html><html><title>\u{1f512} Sign in\r\n</title></html>".padEnd(500);

for (const [transport, send] of Object.entries(TRANSPORTS)) {
  describe(transport, () => {
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
      faults.requests.length = 0;
      faults.faults.length = 0;
      faults.abandoned = 0;
    });

    const cache = (options) =>
      new HttpCache({ url: faults.url, token: server.token, fetch: send, breaker: false, timeout: "5m", ...options });

    async function failure(promise) {
      const settled = promise.then(
        (value) => ({ value }),
        (error) => error,
      );
      const outcome = await withinLimit("the operation to fail", settled);
      assert.ok(outcome instanceof Error, `it came to ${JSON.stringify(outcome)}`);
      assert.ok(!`${outcome.message} ${outcome.stack} ${outcome.cause}`.includes(server.token), "the token is told");
      return outcome;
    }

    const always = (one) => {
      faults.faults = Array(20).fill(one);
    };

    for (const [what, one, code, tries, text] of [
      ["a connection that breaks at once", fault.reset, "connection", 3],
      ["a connection that breaks in the answer", fault.resetInBody, "connection", 3],
      ["500", fault.answer(500, '{"error":"ERR oh"}'), "unavailable", 1, "500: ERR oh"],
      ["502", fault.answer(502, HTML), "unavailable", 3, "502"],
      ["504", fault.answer(504, '{"error":"ERR too slow"}'), "timeout", 3],
      ["503 without Retry-After", fault.answer(503, "{}"), "unavailable", 3],
      ["503 with Retry-After", fault.answer(503, "{}", { "retry-after": "0" }), "unavailable", 3],
      ["503 for longer than the limit", fault.answer(503, "{}", { "retry-after": "1200" }), "unavailable", 1],
      [
        "503 until a date beyond the limit",
        fault.answer(503, "{}", {
          date: "Mon, 02 Nov 2026 10:00:00 GMT",
          "retry-after": "Mon, 02 Nov 2026 11:00:00 GMT",
        }),
        ...["unavailable", 1],
      ],
      ["429 for longer than the limit", fault.answer(429, "{}", { "retry-after": "1200" }), "unavailable", 1],
      ["429 that goes on", fault.answer(429, "{}", { "retry-after": "0" }), "unavailable", 3],
      ["403", fault.answer(403, '{"error":"NOPERM this token may only read"}'), "refused", 1, "may only read"],
      ["404", fault.answer(404, HTML), "protocol", 1],
      ["413", fault.answer(413, '{"error":"ERR too large"}'), "refused", 1],
      ["a page instead of an answer", fault.answer(200, HTML), "protocol", 1, '"<!doctype html><html><title>'],
      ["JSON that is cut off", fault.answer(200, '[{"result":"ab'), "protocol", 1, "not JSON"],
      ["nothing", fault.answer(200, ""), "protocol", 1, "nothing"],
      ["too few answers", fault.answer(200, "[]"), "protocol", 1, "expected 1 replies, got 0"],
      ["too many answers", fault.answer(200, '[{"result":"1"},{"result":"1"}]'), "protocol", 1],
      ["one answer, not a list", fault.answer(200, '{"result":"1"}'), "protocol", 1],
      ["neither result nor error", fault.answer(200, "[{}]"), "protocol", 1],
      ["both result and error", fault.answer(200, '[{"result":"1","error":"ERR"}]'), "protocol", 1],
      ["an object as result", fault.answer(200, '[{"result":{"a":1}}]'), "protocol", 1],
      ["a number where a text is wanted", fault.answer(200, '[{"result":5}]'), "protocol", 1, "GET"],
      ["a list where a text is wanted", fault.answer(200, '[{"result":["1"]}]'), "protocol", 1, "GET"],
      ["a value that is no JSON", fault.answer(200, '[{"result":"{"}]'), "deserialize", 1, '"key"'],
      ["a key of another kind", fault.answer(200, '[{"error":"WRONGTYPE Operation"}]'), "deserialize", 1, "key"],
      [
        "a script without rights",
        fault.answer(200, '[{"error":"ERR The user executing the script can\'t run this command"}]'),
        "refused",
        1,
      ],
      ["a store without memory", fault.answer(200, '[{"error":"OOM command not allowed"}]'), "full", 1],
      ["a store that is loading", fault.answer(200, '[{"error":"LOADING Redis is loading"}]'), "unavailable", 1],
      ["an answer of a GiB", fault.huge, "protocol", 1, "maxResponseBytes"],
      ["an answer that does not end", fault.endless, "protocol", 1, "maxResponseBytes"],
      ["a redirect", fault.answer(302, "", { location: "/elsewhere" }), "protocol", 1, "redirect"],
    ]) {
      test(`${what}: ${code}`, async () => {
        always(one);
        const error = await failure(cache({ maxResponseBytes: 2 ** 20 }).get("key"));
        assert.ok(error instanceof CacheError);
        assert.equal(error.name, "CacheError");
        assert.equal(error.code, code, error.message);
        assert.ok(error.message.includes(text ?? ""), error.message);
        assert.match(error.message, /^isocache: [ -~]{1,400}$/);
        assert.equal(faults.requests.length, tries, "requests");
        assert.ok(faults.requests.every(({ path }) => path === "/pipeline"));
      });
    }

    test("no server: connection, also for operations that are not idempotent", async () => {
      const url = await fault.nowhere();
      for (const run of [(cache) => cache.get("key"), (cache) => cache.increment("key")]) {
        const error = await failure(run(cache({ url })));
        assert.equal(error.code, "connection");
        assert.ok(error.message.includes("ECONNREFUSED") && error.message.includes(url), error.message);
      }
    });

    for (const [what, one] of [
      ["no answer at all", fault.stalledHeaders],
      ["an answer that stops", fault.stalledBody],
    ]) {
      test(`${what}: timeout, and the request is given up`, async (t) => {
        const timers = heldTimers(t, 10_000);
        always(one);
        const outcome = failure(cache({ timeout: "10s" }).get("key"));
        await until(() => faults.requests.length === 1);
        // What was sent of the answer has come by then.
        for (let turn = 0; turn < 50; turn++) {
          await new Promise(setImmediate);
        }
        assert.equal(faults.abandoned, 0);
        timers.fire();
        const error = await outcome;
        assert.equal(error.code, "timeout");
        assert.match(error.message, /within 10000 ms/);
        await until(() => faults.open === 0);
        assert.deepEqual([faults.requests.length, faults.abandoned, timers.size], [1, 1, 0]);
      });
    }

    test("a fetch that never settles and minds no signal: timeout", async () => {
      const deaf = cache({ timeout: "50ms", fetch: () => new Promise(() => undefined) });
      assert.equal((await failure(deaf.get("key"))).code, "timeout");
      assert.equal((await failure(deaf.set("key", 1))).code, "timeout");
    });

    for (const [what, one, pauses] of [
      ["longer each time, at random", fault.reset, [1 + 0.5 * 50, 1 + 0.5 * 100, 1 + 0.5 * 200, 1 + 0.5 * 400]],
      ["as long as a 503 asks for", fault.answer(503, "{}", { "retry-after": "7" }), Array(4).fill(7000)],
      ["as long as a 429 asks for", fault.answer(429, "{}", { "retry-after": "8" }), Array(4).fill(8000)],
      [
        "until a date by the clock of the server",
        fault.answer(503, "{}", {
          date: "Mon, 02 Nov 2026 10:00:00 GMT",
          "retry-after": "Mon, 02 Nov 2026 10:00:09 GMT",
        }),
        Array(4).fill(9000),
      ],
    ]) {
      test(`what is waited between attempts: ${what}`, async (t) => {
        t.mock.method(Math, "random", () => 0.5);
        const waited = [];
        const real = globalThis.setTimeout;
        t.mock.method(globalThis, "setTimeout", (act, ms, ...rest) => {
          // The limit of the operation, and what the platform waits for, are waited for.
          if (!pauses.includes(ms)) {
            return real(act, ms, ...rest);
          }
          waited.push(ms);
          return real(act, 0, ...rest);
        });
        always(one);
        await failure(cache({ retries: 4, clock: () => 0 }).get("key"));
        assert.deepEqual(waited, pauses);
        assert.equal(faults.requests.length, 5);
      });
    }

    test("a passing fault is retried: the operation succeeds", async () => {
      for (const one of [
        fault.reset,
        fault.resetInBody,
        fault.answer(502, HTML),
        fault.answer(503, "{}", { "retry-after": "0" }),
        fault.answer(429, "{}"),
      ]) {
        faults.faults = [one, one];
        await cache().set("key", "value");
        faults.faults = [one];
        assert.equal(await cache().get("key"), "value");
      }
    });

    test("a write is repeated when its response is lost, an increment never", async () => {
      faults.faults = [fault.lostAnswer];
      await cache().set("key", 1);
      assert.equal(server.count("SET"), 2);

      for (const [one, carriedOut] of [
        [fault.lostAnswer, 1],
        [fault.resetInBody, 0],
        [fault.answer(503, "{}", { "retry-after": "0" }), 0],
        [fault.answer(502, "{}"), 0],
      ]) {
        server.reset();
        always(one);
        faults.requests.length = 0;
        await failure(cache().increment("counter", 5, { ttl: "1m" }));
        assert.equal(server.count("INCRBY"), carriedOut);
        assert.equal(faults.requests.length, 1);
      }
      faults.faults = [fault.answer(429, "{}", { "retry-after": "0" })];
      server.reset();
      assert.equal(await cache().increment("counter", 5), 5, "a 429 did nothing");
    });

    test("an increment among others is not repeated with them", async () => {
      faults.faults = [fault.lostAnswer];
      const one = cache();
      const outcomes = await Promise.allSettled([one.set("a", 1), one.increment("counter"), one.get("a")]);
      assert.deepEqual(
        outcomes.map(({ status }) => status),
        ["fulfilled", "rejected", "fulfilled"],
      );
      assert.equal(outcomes[2].value, 1);
      assert.deepEqual([server.count("INCRBY"), server.count("SET"), server.count("GET")], [1, 2, 2]);
    });

    test("no retries with retries: 0", async () => {
      always(fault.reset);
      assert.equal((await failure(cache({ retries: 0 }).get("key"))).code, "connection");
      assert.equal(faults.requests.length, 1);
    });

    test("a redirect is not followed, and the token stays here", async () => {
      const other = await fault.startFaults(server.url);
      try {
        always(fault.answer(307, "", { location: `${other.url}/pipeline` }));
        assert.equal((await failure(cache().get("key"))).code, "protocol");
        assert.equal(other.requests.length, 0);
      } finally {
        await other.close();
      }
    });

    test("a server that tells the token does not make an error tell it", async () => {
      for (const one of [
        fault.answer(200, `<html>${server.token}`),
        fault.answer(500, `{"error":"ERR ${server.token}"}`),
        fault.answer(400, `{"error":"ERR ${server.token}"}`),
        fault.answer(502, server.token),
        fault.answer(200, `[{"error":"ERR ${server.token}"}]`),
      ]) {
        always(one);
        await failure(cache({ retries: 0 }).get("key"));
      }
    });
  });
}
