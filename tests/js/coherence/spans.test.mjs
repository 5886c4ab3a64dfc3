// Operations of a TieredCache as spans of OpenTelemetry.

import assert from "node:assert/strict";
import { beforeEach, describe, test } from "node:test";
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from "@opentelemetry/sdk-trace-base";
import { Cache, MemoryCache, Tagged, TieredCache } from "isocache";

/** A provider that answers later, as remote ones do. */
function remote(failure) {
  const memory = new MemoryCache({ maxEntries: 100 });
  const later =
    (name) =>
    async (...given) => {
      if (failure?.error !== undefined) {
        throw failure.error;
      }
      return memory[name](...given);
    };
  const names = [
    ...["get", "getEntry", "getMany", "has", "set", "setMany", "setIfAbsent", "replace", "delete", "deleteMany"],
    ...["deleteManyEach", "clearPattern", "getAndDelete", "ttl", "touch", "increment", "incrementWithin"],
  ];
  return Object.fromEntries(names.map((name) => [name, later(name)]));
}

const connected = {
  listen(listener) {
    listener({ type: "hello", position: "a-0", resumed: false, validFor: 3_600_000, age: 0 });
    return { close: () => undefined };
  },
};

const exporter = new InMemorySpanExporter();
const tracer = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] }).getTracer("test");

/** What was reported since the last time: the names with their attributes. */
function reported() {
  const spans = exporter.getFinishedSpans().map(({ name, attributes }) => [name, attributes]);
  exporter.reset();
  return spans;
}

describe("spans", () => {
  let tiers;
  let failure;
  beforeEach(() => {
    failure = {};
    tiers = new TieredCache({ far: remote(failure), invalidations: connected, tracer, name: "users" });
    exporter.reset();
  });

  test("a lookup's span has the hit and the tier", async () => {
    const of = { "cache.name": "users" };
    assert.equal(await tiers.get("k"), undefined);
    assert.deepEqual(reported(), [["cache.get", { ...of, "cache.hit": false, "cache.tier": "far" }]]);
    await tiers.set("k", 1, "5m");
    assert.deepEqual(reported(), [["cache.put", of]]);
    assert.equal(tiers.get("k"), 1);
    assert.deepEqual(reported(), [["cache.get", { ...of, "cache.hit": true, "cache.tier": "near" }]]);
  });

  test("an operation on several keys has one span, with their number", async () => {
    const of = { "cache.name": "users" };
    await tiers.setMany([
      { key: "a", value: 1, ttl: "5m" },
      { key: "b", value: 2, ttl: "5m" },
    ]);
    assert.deepEqual(tiers.getMany(["a", "b"]), [1, 2]);
    assert.deepEqual(await tiers.getMany(["a", "c"]), [1, undefined]);
    await tiers.deleteMany(["a", "b"]);
    await tiers.clear();
    assert.deepEqual(reported(), [
      ["cache.put", { ...of, "cache.keys": 2 }],
      ["cache.get", { ...of, "cache.keys": 2, "cache.hit": true, "cache.tier": "near" }],
      ["cache.get", { ...of, "cache.keys": 2, "cache.hit": false, "cache.tier": "far" }],
      ["cache.remove", { ...of, "cache.keys": 2 }],
      ["cache.flush", of],
    ]);
  });

  test("a load has the spans of its lookup and its write", async () => {
    const cache = new Cache({ provider: tiers });
    assert.equal(await cache.getOrSet("k", async () => 1, "5m"), 1);
    assert.equal(await cache.getOrSet("k", async () => 2, "5m"), 1);
    const spans = reported();
    assert.deepEqual(
      spans.map(([name]) => name),
      ["cache.get", "cache.put", "cache.get"],
    );
    assert.equal(spans[2][1]["cache.tier"], "near");
  });

  test("an error is recorded and rethrown", async () => {
    failure.error = new Error("the store is away");
    await assert.rejects(async () => tiers.get("k"), /the store is away/);
    assert.throws(() => tiers.get(7), TypeError);
    const [span, other] = exporter.getFinishedSpans();
    assert.equal(span.status.code, 2);
    assert.equal(span.events[0].attributes["exception.message"], "the store is away");
    assert.equal(other.status.code, 2);
  });

  test("spans contain no keys", async () => {
    await tiers.set("secret", 1, "5m");
    await tiers.getMany(["secret", "secret:2"]);
    await tiers.clearPattern("secret*");
    assert.doesNotMatch(JSON.stringify(reported()), /secret/);
  });

  test("operations on tags have the same spans", async () => {
    const tagged = new Cache({ provider: new Tagged(tiers) });
    await tagged.set("k", 1, { ttl: "5m", tags: ["t"] });
    await tagged.get("k");
    assert.ok(reported().every(([name]) => name.startsWith("cache.")));
  });

  test("without a tracer, the methods of the class are unchanged", () => {
    const plain = new TieredCache({ far: remote(), invalidations: connected });
    assert.equal(plain.get, TieredCache.prototype.get);
    assert.equal(plain.set, TieredCache.prototype.set);
  });

  test("an invalid tracer is refused", () => {
    const far = remote();
    for (const [wrong, message] of [
      [{ tracer: {} }, /tracer\.startSpan/],
      [{ tracer: 7 }, /tracer/],
      [{ name: 7 }, /name/],
    ]) {
      assert.throws(() => new TieredCache({ far, invalidations: connected, ...wrong }), message);
    }
  });
});
