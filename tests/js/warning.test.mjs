// A number over 30 days of seconds is probably meant as milliseconds: said once in a process. So these tests have a file,
// which is a process, of their own, and their order matters.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Cache, MemoryCache } from "isocache";

test("a numeric ttl over 30 days warns once, naming number and unit", async (t) => {
  const warn = t.mock.method(console, "warn", () => {});
  const cache = new MemoryCache();
  cache.set("a", 1, 30 * 86_400);
  cache.set("a", 1, "300000s").set("a", 1, "3000d").set("a", 1, null).set("a", 1, Number.POSITIVE_INFINITY);
  assert.equal(warn.mock.callCount(), 0);
  cache.set("a", 1, 3_000_000);
  assert.equal(warn.mock.callCount(), 1);
  assert.match(warn.mock.calls[0].arguments[0], /^isocache: ttl 3000000 is in seconds/);
  assert.ok(cache.ttl("a") > 2_999_000, "it is what was said");
  cache.set("a", 1, 4_000_000);
  new MemoryCache({ ttl: 5_000_000 }).set("a", 1);
  await new Cache({ ttl: 6_000_000 }).set("a", 1);
  assert.equal(warn.mock.callCount(), 1);
});
