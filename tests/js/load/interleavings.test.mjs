// Many orders of events: callers with windows of their own, writes at every point of their loads, passing time, callers that
// go away, detached loads, loaders that fail.
// The same rules as in Rust: tests/load/interleavings.rs.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Cache, MemoryCache, Tagged } from "isocache";
import { schedules } from "../../support/schedules.mjs";
import { pause, Remote, seeded } from "./provider.mjs";

const KEY = "user:1";

const TTL = 10_000;
const WINDOW = 5_000;
/** What readers tolerate of a stale entry. */
const READERS = [
  {},
  { staleWhileRevalidate: `${WINDOW}ms` },
  { staleIfError: `${WINDOW}ms` },
  { staleWhileRevalidate: "1s", staleIfError: `${WINDOW}ms` },
];

/** One order of events. Where there are `tags`, everything has them, and they are invalidated, too. */
async function run(seed, makeProvider, tags) {
  const below = seeded(seed);
  let now = 1_000_000;
  const store = new MemoryCache({ clock: () => now });
  const provider = makeProvider(store, () => below(4));
  const cache = new Cache({ provider });
  // The state of the source that the cache is in front of: it only grows.
  let version = 0;
  // What callers that ask from now on must see at least.
  let told = 0;
  // When a version was last loaded or written; exact unless time passes while it is being stored.
  const since = new Map();
  let storing = 0;
  let isExact = true;
  const caller = async ([start, before, after, fails, aborts, detached, reader]) => {
    await pause(start);
    const least = told;
    const controller = new AbortController();
    const load = async () => {
      await pause(before);
      const value = version;
      await pause(after);
      if (fails) {
        throw new Error("the loader fails");
      }
      since.set(value, now);
      storing++;
      pause(40).then(() => storing--);
      return value;
    };
    const asked = now;
    const answer = cache.getOrSet(KEY, load, {
      ...{ ttl: `${TTL}ms`, tags, detached, ...READERS[reader] },
      ...(aborts && { signal: controller.signal }),
    });
    if (aborts) {
      pause(aborts).then(() => controller.abort(new Error("the caller goes")));
    }
    const value = await answer.catch((error) => error.message);
    assert.ok(
      (typeof value === "number" && value >= least) || value === "the loader fails" || value === "the caller goes",
      `seed ${seed}: ${value} was answered after ${least} had been told`,
    );
    if (typeof value === "number" && isExact) {
      const longest = TTL + (reader === 0 ? 0 : WINDOW);
      const age = asked - (since.get(value) ?? now);
      assert.ok(age < longest, `seed ${seed}: ${value} is ${age} ms old, of at most ${longest}`);
    }
  };
  const writer = async (writes) => {
    // One after the other: of two writes at once, either may be the last.
    for (const [start, kind, stale] of writes) {
      await pause(start);
      const mine = ++version;
      since.set(mine, now);
      storing++;
      const options = { ttl: `${TTL}ms`, tags, ...(stale && { staleFor: `${WINDOW}ms` }) };
      await [
        () => cache.set(KEY, mine, options),
        () => cache.setMany([{ key: KEY, value: mine, ...options }]),
        () => cache.delete(KEY),
        () => cache.deleteMany(["other", KEY]),
        () => cache.clearPattern("user:*"),
        () => cache.clear(),
        () => cache.invalidateTags(tags),
      ][kind]();
      storing--;
      told = mine;
    }
  };
  const clock = async (steps) => {
    for (const [start, step] of steps) {
      await pause(start);
      isExact &&= storing === 0;
      now += step;
    }
  };
  const callers = Array.from({ length: 2 + below(5) }, () => [
    ...[below(30), below(5), below(5), below(5) === 0],
    ...[below(4) === 0 ? 1 + below(12) : 0, below(3) === 0, below(READERS.length)],
  ]);
  const writes = Array.from({ length: below(4) }, () => [below(15), below(tags ? 7 : 6), below(2) === 0]);
  const steps = Array.from({ length: below(4) }, () => [below(12), 1000 * (1 + below(12))]);
  await Promise.all([...callers.map(caller), writer(writes), clock(steps)]);
  // Loads that callers have left behind may take some more turns.
  await pause(60);
  const cached = await cache.get(KEY);
  const kept = await provider.getEntry(KEY);
  for (const value of [cached, kept?.value]) {
    assert.ok(value === undefined || value === version, `seed ${seed}: ${value} came back, it is ${version}`);
  }
  await cache.delete(KEY);
  let loads = 0;
  assert.equal(await cache.getOrSet(KEY, () => ++loads && version), version);
  assert.equal(loads, 1, `seed ${seed}: a flight is left over`);
}

for (const [name, provider, tags] of [
  ["memory", (store) => store],
  ["a provider that takes turns", (store, turns) => new Remote(store, turns)],
  ["memory, with tags", (store) => new Tagged(store), ["t"]],
  ["a provider that takes turns, with tags", (store, turns) => new Tagged(new Remote(store, turns)), ["t", "u"]],
]) {
  test(`nothing comes back, and nobody hangs: ${name}`, () => schedules(1000, (seed) => run(seed, provider, tags)));
}

test("without writes there is one load", () =>
  schedules(200, async (seed) => {
    const below = seeded(seed);
    const cache = new Cache({ provider: new Remote(new MemoryCache(), () => below(4)) });
    let loads = 0;
    const load = async () => {
      loads++;
      await pause(below(6));
      return "value";
    };
    const callers = Array.from({ length: 10 }, async () => {
      await pause(below(20));
      assert.equal(await cache.getOrSet(KEY, load), "value");
    });
    await Promise.all(callers);
    assert.equal(loads, 1, `seed ${seed}`);
  }));

test("an invalidation in one process wins over loads in another", () =>
  schedules(500, async (seed) => {
    const below = seeded(seed);
    const store = new MemoryCache();
    // Of the store alone they know the same.
    const [one, other] = [1, 2].map(() => new Cache({ provider: new Tagged(new Remote(store, () => below(4))) }));
    let version = 0;
    let told = 0;
    const caller = async (cache, start, before, after) => {
      await pause(start);
      const least = told;
      const load = async () => {
        await pause(before);
        const value = version;
        await pause(after);
        return value;
      };
      const value = await cache.getOrSet(KEY, load, { tags: ["t"] });
      // Who waits for a load that began before gets what that brings.
      assert.ok(value >= least || cache === other, `seed ${seed}: ${value} was answered after ${least} had been told`);
    };
    const invalidations = async () => {
      for (let at = below(4); at > 0; at--) {
        await pause(below(15));
        const mine = ++version;
        await one.invalidateTags(["t"]);
        told = mine;
      }
    };
    const callers = Array.from({ length: 4 }, (_, at) =>
      caller(at % 2 === 0 ? one : other, below(20), below(5), below(5)),
    );
    await Promise.all([...callers, invalidations()]);
    for (const cache of [one, other]) {
      const cached = await cache.get(KEY);
      assert.ok(cached === undefined || cached === version, `seed ${seed}: ${cached} came back, it is ${version}`);
    }
  }));
