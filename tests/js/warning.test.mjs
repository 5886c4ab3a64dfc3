// A bare number over a day of seconds is probably meant as milliseconds: warned of once in a process. So these tests have a
// file, which is a process, of their own, and their order matters.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Cache, MemoryCache } from "isocache";

test("a bare number over a day warns once, with number, unit and call site", async (t) => {
  const warn = t.mock.method(console, "warn", () => {});
  const cache = new MemoryCache({ clock: () => 1_000_000 });
  cache.set("a", 1, 86_400);
  cache.set("a", 1, "300000s").set("a", 1, "3000d").set("a", 1, null).set("a", 1, Number.POSITIVE_INFINITY);
  assert.equal(warn.mock.callCount(), 0);
  cache.set("a", 1, { ttl: 300_000 });
  assert.equal(warn.mock.callCount(), 1);
  const [message] = warn.mock.calls[0].arguments;
  assert.match(message, /^isocache: ttl 300000 is in seconds.*"300000ms"/);
  assert.match(message, /warning\.test\.mjs:\d+/);
  assert.equal(cache.ttl("a"), 300_000, "it is what was said");
  cache.set("a", 1, 4_000_000);
  new MemoryCache({ ttl: 5_000_000 }).set("a", 1);
  await new Cache({ ttl: 6_000_000 }).set("a", 1);
  assert.equal(warn.mock.callCount(), 1);
});
