// One cache, in a process of its own with a store of its own, through the schedule. It sends what was counted.

import { random } from "../streams.mjs";
import { startLine } from "./line.mjs";
import { BOUNDS, PEERS } from "./peers.mjs";
import { KEYS, keyAt, LONGEST_DELAY, NAMES, PHASES, READ_EVERY } from "./schedule.mjs";
import { STORES } from "./stores.mjs";
import { ABSENT, Truth } from "./truth.mjs";

/** A read that takes longer has failed, in milliseconds. */
const READ_LIMIT = 2000;
const WRITE_LIMIT = 5000;

const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

// The clients report broken connections wherever they can; what matters here is what reads return.
process.on("unhandledRejection", () => undefined);
for (const name of ["warn", "error"]) {
  console[name] = () => undefined;
}

async function run({ store: kind, open }) {
  const store = await STORES[kind]();
  const line = await startLine(store.port, random(1));
  const cache = await open(line.port, store);
  const truth = new Truth();
  const counts = Object.fromEntries(
    NAMES.map((name) => [name, { reads: 0, stale: 0, oldest: 0, beyond: 0, failed: 0 }]),
  );
  const pending = new Set();
  let [lastValue, nextRead] = [0, 0];

  async function write(key) {
    const value = ++lastValue;
    const succeeded = truth.write(key, value);
    await within(WRITE_LIMIT, cache.write(key, value));
    succeeded(performance.now());
  }

  async function read(key, count) {
    const began = performance.now();
    count.reads++;
    let value;
    try {
      value = (await within(READ_LIMIT, cache.read(key))) ?? ABSENT;
    } catch {
      count.failed++;
      return;
    }
    const staleness = truth.staleness(key, value, began);
    if (staleness === undefined) {
      count.failed++;
    } else if (staleness > 0) {
      count.stale++;
      count.oldest = Math.max(count.oldest, staleness);
      count.beyond += staleness > BOUNDS[kind] + LONGEST_DELAY ? 1 : 0;
    }
  }

  function startRead(key, count) {
    const one = read(key, count).finally(() => pending.delete(one));
    pending.add(one);
  }

  for (let key = 0; key < KEYS; key++) {
    await write(keyAt(key));
  }
  // What its own making has taken time for is over, and all values are copies.
  for (let key = 0; key < 2 * KEYS; key++) {
    await within(READ_LIMIT, cache.read(keyAt(key)));
  }
  const choose = random(2);
  for (const { name, lasts, writeEvery = Infinity, act } of PHASES) {
    const count = counts[name];
    const acted = act?.({ line, store });
    const end = performance.now() + lasts;
    const emptied = Promise.resolve(acted).then(() => {
      if (name === "restart" || name === "FLUSHALL") {
        act && truth.empty(performance.now());
      }
    });
    let [readAt, writeAt] = [performance.now(), performance.now() + writeEvery];
    let writing = emptied;
    for (let now = performance.now(); now < end; now = performance.now()) {
      for (; readAt <= now; readAt += READ_EVERY) {
        startRead(keyAt(nextRead++), count);
      }
      if (writeAt <= now) {
        const key = keyAt(Math.floor(choose() * KEYS));
        // One after another; a read on either side of it.
        writing = writing.then(async () => {
          startRead(key, count);
          const written = write(key);
          startRead(key, count);
          await written.catch(() => undefined);
        });
        writeAt += writeEvery;
      }
      await pause(1);
    }
    await writing;
  }
  await Promise.all(pending);
  await cache.close();
  await line.close();
  await store.close();
  return counts;
}

/** The outcome, or an error after so many milliseconds. */
function within(limit, outcome) {
  if (!(outcome instanceof Promise)) {
    return outcome;
  }
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error("it took too long")), limit);
    outcome.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}

process.once("message", async (peer) => {
  try {
    process.send(await run(PEERS[peer]), () => process.exit(0));
  } catch (error) {
    process.stderr.write(`${PEERS[peer].name}: ${error.stack}\n`);
    process.exit(1);
  }
});
