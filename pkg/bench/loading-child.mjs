// One peer of the benchmark of loading, in a process of its own, so that no other code has a say in what its engine compiles.

import { ENTRIES, PEERS } from "./loading-peers.mjs";
import { uniform } from "./streams.mjs";

const RING = 2 ** 17;
const WARM_UP_MS = 300;

let loads = 0;
/** Ends in another turn of the event loop: all callers of a stampede come before. */
async function load(id) {
  loads++;
  await new Promise((resolve) => setImmediate(resolve));
  return { id };
}

const ids = Array.from({ length: ENTRIES }, (_, id) => id);
const ring = uniform(ids, RING);
let get;
let from = 0;
let stampedes = 0;

/** Nanoseconds for one call that finds its value, and is awaited. */
async function hits(operations) {
  const before = loads;
  let sum = 0;
  const start = performance.now();
  for (let at = from; at < from + operations; at++) {
    sum += (await get(ring[at & (RING - 1)])).id;
  }
  const time = performance.now() - start;
  let wanted = 0;
  for (let at = from; at < from + operations; at++) {
    wanted += ring[at & (RING - 1)];
  }
  if (loads !== before || sum !== wanted) {
    throw new Error(`${loads - before} loads among what should be hits`);
  }
  from = (from + operations) % RING;
  return (time * 1e6) / operations;
}

/** Milliseconds until so many callers of one key that is not there have its value, and the loads that it took. */
async function stampede(callers) {
  const id = ENTRIES + stampedes++;
  const before = loads;
  const start = performance.now();
  const values = await Promise.all(Array.from({ length: callers }, () => get(id)));
  const time = performance.now() - start;
  if (values.some((value) => value.id !== id)) {
    throw new Error("a caller has another value");
  }
  return { time, loads: loads - before };
}

const JOBS = {
  async prepare({ peer, operations }) {
    get = await PEERS[peer].make(load);
    await fill();
    const end = performance.now() + WARM_UP_MS;
    for (let call = 0; call < 4 || performance.now() < end; call++) {
      await hits(operations);
    }
    return true;
  },
  async hits({ operations }) {
    // Other processes were running, and a stampede may have evicted what it was not about.
    await fill();
    await hits(Math.ceil(operations / 8));
    return hits(operations);
  },
  stampede: ({ callers }) => stampede(callers),
};

async function fill() {
  for (const id of ids) {
    await get(id);
  }
}

process.on("message", async ({ job, ...what }) => process.send(await JOBS[job](what)));
