// The goals, and whether they are reached. Ratios are of speed: above 1, isocache is faster.

import { named, SIZE_LIMITS } from "./limits.mjs";

/** Speeds within this factor count as level: a machine with other work on it tells no finer. */
const LEVEL = 0.95;
/** Of 1000 bytes: the smaller of the two that are called so. */
const KB = 1000;

const geometricMean = (numbers) =>
  Math.exp(numbers.reduce((sum, number) => sum + Math.log(number), 0) / numbers.length);

/** `time(scenario, peer)` is the shortest time in nanoseconds, or undefined. */
export function goals(rows, time, sizes, imports) {
  const list = [];
  const add = (what, reached, measured) => list.push({ what, reached, measured });
  const compare = (name, ttl, peer) => {
    const ratios = rows
      .filter((row) => row.scenario.name === name && row.scenario.ttl === ttl)
      .map((row) => ({ row, ours: time(row, "isocache"), theirs: time(row, peer) }))
      .filter(({ ours, theirs }) => ours !== undefined && theirs !== undefined)
      .map(({ row, ours, theirs }) => ({ entries: row.scenario.entries, ratio: theirs / ours }));
    return ratios.length === 0 ? undefined : { mean: geometricMean(ratios.map(({ ratio }) => ratio)), ratios };
  };
  const tell = ({ mean, ratios }) =>
    `${mean.toFixed(2)}x (${ratios.map(({ entries, ratio }) => `${entries}: ${ratio.toFixed(2)}x`).join(", ")})`;
  const atLeast = (least, name, ttl, peer, what) => {
    const compared = compare(name, ttl, peer);
    if (compared !== undefined) {
      const title = `${name}, ttl ${ttl ? "on" : "off"}: ${what} ${peer}, mean over the sizes`;
      add(title, compared.mean >= least, tell(compared));
    }
  };
  for (const ttl of [false, true]) {
    for (const [name, least] of [
      ["get-hit", 1.3],
      ["set-existing", 1.8],
      ["set-evict", 1.15],
      ["aside zipf", 1.15],
      ["aside web07", 1.15],
    ]) {
      atLeast(least, name, ttl, "lru-cache", `at least ${least}x as fast as`);
    }
  }
  atLeast(1, "get-hit", false, "mnemonist", "no slower than");
  atLeast(1.2, "set-existing", false, "mnemonist", "at least 1.2x as fast as");
  atLeast(LEVEL, "set-evict", false, "mnemonist", `level (${LEVEL}) with or ahead of`);
  for (const ttl of [false, true]) {
    const bare = compare("async get-hit", ttl, "async lru-cache");
    if (bare !== undefined) {
      const title = `async get-hit, ttl ${ttl ? "on" : "off"}: no slower than a bare async wrapper over lru-cache`;
      add(title, bare.mean >= 1, `${(1 / bare.mean).toFixed(2)}x the time`);
    }
    atLeast(2.5, "async get-hit", ttl, "cache-manager", "at least 2.5x as fast as");
  }
  for (const { goal, ...bundle } of SIZE_LIMITS.filter(({ goal }) => goal !== undefined)) {
    const { brotli } = sizes.find(({ name }) => name === named(bundle));
    add(`${named(bundle)}: at most ${goal / KB} kB with brotli`, brotli <= goal, `${(brotli / KB).toFixed(2)} kB`);
  }
  const imported = (name) => imports.find((one) => one.name === name).milliseconds;
  for (const name of ["isocache", "isocache/memory"]) {
    const ratio = imported(name) / imported("lru-cache");
    add(`import of ${name} in Node: at most 1.5x the time of lru-cache`, ratio <= 1.5, `${ratio.toFixed(2)}x`);
  }
  return list;
}
