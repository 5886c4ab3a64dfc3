// What is timed. Rings have a power of two of places, so that going round costs one operation.

import { keys, recorded, trace, uniform, zipf } from "./streams.mjs";

const RING = 2 ** 17;
const SIZES = [1000, 50_000];

/** All scenarios, as plain data: the child that runs one makes its keys. */
export function scenarios() {
  const list = [];
  for (const ttl of [false, true]) {
    for (const name of ["get-hit", "get-miss", "set-existing", "set-evict", "aside zipf"]) {
      list.push(...SIZES.map((entries) => ({ name, entries, ttl })));
    }
    const { path, missing } = recorded("web07");
    if (path === undefined) {
      process.stdout.write(`skipped: cache-aside on web07${ttl ? ", ttl on" : ""}: ${missing}\n`);
    } else {
      // A size for which the hits of an exact LRU are known.
      list.push({ name: "aside web07", entries: 1200, ttl, path });
    }
  }
  for (const ttl of [false, true]) {
    list.push(...SIZES.map((entries) => ({ name: "async get-hit", entries, ttl, isAsync: true })));
  }
  return list;
}

/** Whether a peer takes part; else, why not. */
export function takesPart(peer, { name, ttl }) {
  return (!ttl || peer.hasTtl) && !(peer.unbounded && name === "set-evict") && (peer.only ?? name) === name;
}

/**
 * Makes a scenario ready. What it returns runs about so many operations and tells how long they took, in milliseconds,
 * how many there were, and how many lookups found something.
 */
export async function prepare({ name, entries, ttl, path }, make) {
  const options = { entries, ttl: ttl ? 3_600_000 : undefined };
  const values = Array.from({ length: 2 ** 16 }, (_, id) => ({ id }));
  const fill = async (cache, all) => {
    for (const [at, key] of all.entries()) {
      await cache.set(key, values[at % values.length]);
    }
    return cache;
  };
  if (name === "aside web07") {
    return replays(() => make(options), trace(path), values);
  }
  if (name === "set-evict") {
    const ring = keys(entries > 1000 ? 2 ** 18 : 2 ** 13);
    return looped(setAll, await fill(make(options), ring.slice(-entries)), ring, values);
  }
  if (name === "aside zipf") {
    const ring = zipf(keys(10 * entries), 2 ** 18);
    return looped(aside, make(options), ring, values);
  }
  const present = keys(entries);
  const cache = await fill(make(options), present);
  switch (name) {
    case "get-hit":
      return looped(getAll, cache, uniform(present, RING), values);
    case "get-miss":
      return looped(getAll, cache, uniform(keys(entries, "n"), RING), values);
    case "set-existing":
      return looped(setAll, cache, uniform(present, RING), values);
    case "async get-hit":
      return loopedAsync(cache, uniform(present, RING));
    default:
      throw new Error(`no scenario ${name}`);
  }
}

function getAll(cache, ring, _values, from, operations) {
  const mask = ring.length - 1;
  let hits = 0;
  for (let at = from; at < from + operations; at++) {
    if (cache.get(ring[at & mask]) !== undefined) {
      hits++;
    }
  }
  return hits;
}

function setAll(cache, ring, values, from, operations) {
  const mask = ring.length - 1;
  for (let at = from; at < from + operations; at++) {
    // Another value than the last time: setting what is there already is something that some leave out.
    cache.set(ring[at & mask], values[(at * 7) & 0xffff]);
  }
  return 0;
}

function aside(cache, ring, values, from, operations) {
  const mask = ring.length - 1;
  let hits = 0;
  for (let at = from; at < from + operations; at++) {
    const key = ring[at & mask];
    if (cache.get(key) !== undefined) {
      hits++;
    } else {
      cache.set(key, values[at & 0xffff]);
    }
  }
  return hits;
}

function looped(work, cache, ring, values) {
  let from = 0;
  return async (operations) => {
    const start = performance.now();
    const hits = work(cache, ring, values, from, operations);
    const time = performance.now() - start;
    from = (from + operations) % ring.length;
    return { time, operations, hits };
  };
}

function loopedAsync(cache, ring) {
  const mask = ring.length - 1;
  let from = 0;
  return async (operations) => {
    let hits = 0;
    const start = performance.now();
    for (let at = from; at < from + operations; at++) {
      if ((await cache.get(ring[at & mask])) !== undefined) {
        hits++;
      }
    }
    const time = performance.now() - start;
    from = (from + operations) & mask;
    return { time, operations, hits };
  };
}

function replay(cache, stream, values) {
  let hits = 0;
  for (let at = 0; at < stream.length; at++) {
    const key = stream[at];
    if (cache.get(key) !== undefined) {
      hits++;
    } else {
      cache.set(key, values[at & 0xffff]);
    }
  }
  return hits;
}

/** A whole trace at a time, each time into a new cache. */
function replays(make, stream, values) {
  return async (atLeast) => {
    const sum = { time: 0, operations: 0, hits: 0 };
    while (sum.operations < atLeast) {
      const cache = make();
      const start = performance.now();
      sum.hits += replay(cache, stream, values);
      sum.time += performance.now() - start;
      sum.operations += stream.length;
      cache.close?.();
    }
    return sum;
  };
}
