// Streams, bitmaps, places and estimates, which are Redis' alone.

import assert from "node:assert/strict";
import { test } from "node:test";
import { onStores } from "./support/stores.mjs";

onStores(["redis"], (its) => {
  test("streams", async () => {
    const { redis } = its;
    assert.equal(await redis.xadd("s", "1-0", { a: 1, b: "two" }), "1-0");
    assert.equal(await redis.xadd("s", "2-0", { a: 2 }), "2-0");
    assert.match(await redis.xadd("s", "*", { a: 3 }), /^\d+-\d+$/);
    assert.equal(await redis.xadd("none", "*", { a: 1 }, { nomkStream: true }), null);
    assert.equal(await redis.xlen("s"), 3);
    assert.deepEqual(await redis.xrange("s", "-", "2"), { "1-0": { a: 1, b: "two" }, "2-0": { a: 2 } });
    assert.deepEqual(Object.keys(await redis.xrevrange("s", "(2-0", "-")), ["1-0"]);
    assert.deepEqual(await redis.xread("s", "1-0", { count: 1 }), [["s", [["2-0", ["a", 2]]]]]);
    assert.deepEqual(await redis.xread(["s", "s"], ["1-0", "$"], { count: 1 }), [["s", [["2-0", ["a", 2]]]]]);
    assert.equal(await redis.xread("s", "$"), null);
    assert.equal(await redis.xdel("s", "2-0"), 1);
    assert.equal(await redis.xtrim("s", { strategy: "MAXLEN", exactness: "=", threshold: 1 }), 1);
    assert.equal(await redis.xlen("s"), 1);
    await assert.rejects(redis.xadd("s", "1-0", { a: 1 }), /ERR The ID specified in XADD is equal or smaller/);
  });

  test("consumer groups", async () => {
    const { redis } = its;
    assert.equal(await redis.xgroup("s", { type: "CREATE", group: "g", id: "$", options: { MKSTREAM: true } }), "OK");
    await assert.rejects(
      redis.xgroup("s", { type: "CREATE", group: "g", id: "0" }),
      /BUSYGROUP Consumer Group name already exists/,
    );
    await redis.xadd("s", "1-0", { a: 1 });
    await redis.xadd("s", "2-0", { a: 2 });
    const entries = [
      ["1-0", ["a", 1]],
      ["2-0", ["a", 2]],
    ];
    assert.deepEqual(await redis.xreadgroup("g", "ann", "s", ">"), [["s", entries]]);
    assert.equal(await redis.xreadgroup("g", "ann", "s", ">"), null);
    const pending = await redis.xpending("s", "g", "-", "+", 10);
    assert.deepEqual(
      pending.map(([id, consumer]) => [id, consumer]),
      [
        ["1-0", "ann"],
        ["2-0", "ann"],
      ],
    );
    assert.deepEqual(await redis.xclaim("s", "g", "bob", 0, "1-0"), [["1-0", ["a", 1]]]);
    assert.deepEqual(await redis.xautoclaim("s", "g", "bob", 0, "2-0", { count: 1 }), ["0-0", [["2-0", ["a", 2]]], []]);
    assert.equal(await redis.xack("s", "g", ["1-0", "2-0"]), 2);
    const [group] = await redis.xinfo("s", { type: "GROUPS" });
    assert.deepEqual(group.slice(0, 2), ["name", "g"]);
    assert.equal((await redis.xinfo("s", { type: "CONSUMERS", group: "g" })).length, 2);
    assert.equal(await redis.xgroup("s", { type: "DELCONSUMER", group: "g", consumer: "ann" }), 0);
    assert.equal(await redis.xgroup("s", { type: "DESTROY", group: "g" }), 1);
  });

  test("a blocking read is refused at once", async () => {
    const { redis } = its;
    await assert.rejects(redis.xread("s", "$", { blockMS: 0 }), /ERR refused by the bridge: /i);
    await redis.xgroup("s", { type: "CREATE", group: "g", id: "$", options: { MKSTREAM: true } });
    await assert.rejects(redis.xreadgroup("g", "c", "s", ">", { blockMS: 0 }), /ERR refused by the bridge: /i);
  });

  test("bitmaps", async () => {
    const { redis } = its;
    assert.equal(await redis.setbit("b", 7, 1), 0);
    assert.equal(await redis.getbit("b", 7), 1);
    assert.equal(await redis.bitcount("b"), 1);
    assert.equal(await redis.bitcount("b", 0, 0), 1);
    assert.equal(await redis.bitpos("b", 1), 7);
    await redis.setbit("c", 0, 1);
    assert.equal(await redis.bitop("or", "to", "b", "c"), 1);
    assert.equal(await redis.bitcount("to"), 2);
    // With auto-pipelining this version of the client has no chain of bitfield.
    const single = its.bridge.client({ enableAutoPipelining: false });
    assert.deepEqual(
      await single.bitfield("f").set("u8", "#0", 255).incrby("u8", "#0", 1).get("u8", 0).exec(),
      [0, 0, 0],
    );
    assert.deepEqual(await single.bitfield("f").overflow("SAT").incrby("u8", "#0", 300).exec(), [255]);
  });

  test("geospatial commands", async () => {
    const { redis } = its;
    const palermo = { longitude: 13.361389, latitude: 38.115556, member: "Palermo" };
    const catania = { longitude: 15.087269, latitude: 37.502669, member: "Catania" };
    assert.equal(await redis.geoadd("g", palermo, catania), 2);
    assert.equal(Math.round(await redis.geodist("g", "Palermo", "Catania", "KM")), 166);
    assert.deepEqual(await redis.geohash("g", "Palermo", "missing"), ["sqc8b49rny0", null]);
    const [position, none] = await redis.geopos("g", "Palermo", "missing");
    assert.equal(position.lng.toFixed(4), "13.3614");
    assert.equal(none, undefined);
    const circle = [
      { type: "FROMLONLAT", coordinate: { lon: 15, lat: 37 } },
      { type: "BYRADIUS", radius: 100, radiusType: "KM" },
    ];
    assert.deepEqual(await redis.geosearch("g", ...circle, "ASC"), [{ member: "Catania" }]);
    const [found] = await redis.geosearch("g", ...circle, "ASC", { withDist: true, withCoord: true, withHash: true });
    assert.equal(found.hash, "3479447370796909");
    assert.equal(Math.round(found.dist), 56);
    assert.equal(found.coord.lat.toFixed(4), "37.5027");
    assert.equal(await redis.geosearchstore("to", "g", ...circle, "ASC"), 1);
  });

  test("HyperLogLog", async () => {
    const { redis } = its;
    assert.equal(await redis.pfadd("p", "a", "b", "c"), 1);
    assert.equal(await redis.pfadd("p", "a"), 0);
    await redis.pfadd("q", "c", "d");
    assert.equal(await redis.pfcount("p", "q"), 4);
    assert.equal(await redis.pfmerge("to", "p", "q"), "OK");
    assert.equal(await redis.pfcount("to"), 4);
  });
});
