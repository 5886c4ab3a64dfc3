// The same seeded stream of operations on a MemoryCache and on lru-cache: every answer, the order, sizes and counts agree.
//
// Where the two differ by design, the streams are made so that it does not show:
// - isocache's entries end at exactly start + ttl, lru-cache's a moment later. Time and ttls are even, and lru-cache gets
//   one millisecond less.
// - In isocache, what has expired makes room first; lru-cache drops it only when told to.
// - isocache refuses what is larger than maxBytes and keeps the old entry; lru-cache drops it. The call is made on
//   isocache alone.
// - lru-cache cannot be resized. It is created again from its entries, the oldest first.

import assert from "node:assert/strict";
import { test } from "node:test";
import { LRUCache } from "lru-cache";
import { FORMS } from "./support/forms.mjs";
import { random } from "./support/random.mjs";

class Pair {
  time = 1_000_000;
  hits = 0;
  misses = 0;
  made = 0;
  /** What lru-cache does not tell: when each entry was set, and for how long. */
  lives = new Map();

  constructor({
    form,
    seed,
    capacity,
    keys,
    sized = false,
    ttl = undefined,
    timed = false,
    helped = true,
    reads = 50,
  }) {
    Object.assign(this, { capacity, keys, sized, ttl, timed, helped, reads });
    this.next = random(seed);
    this.maxBytes = sized ? capacity * 40 : Number.POSITIVE_INFINITY;
    this.ours = new FORMS[form].MemoryCache({
      maxEntries: capacity,
      ...(sized && { maxBytes: this.maxBytes, sizeOf: ({ size }) => size }),
      ...(ttl && { ttl: `${ttl}ms` }),
      clock: () => this.time,
    });
    this.theirs = this.makeTheirs();
  }

  makeTheirs() {
    return new LRUCache({
      max: this.capacity,
      ...(this.sized && { maxSize: this.maxBytes, sizeCalculation: ({ size }) => size }),
      ttl: 0,
      ttlResolution: 0,
      perf: { now: () => this.time },
    });
  }

  same(ours, theirs, what) {
    if (!Object.is(ours, theirs)) {
      assert.fail(`${what}: ${JSON.stringify(ours)}, but lru-cache ${JSON.stringify(theirs)}`);
    }
  }

  key() {
    // The smaller of two: some keys are asked for far more often than others.
    return `key:${Math.min(this.next(this.keys), this.next(this.keys))}`;
  }

  step() {
    const choice = this.next(100);
    if (choice < this.reads) {
      this.get(this.key());
    } else if (choice < this.reads + (100 - this.reads) * 0.6) {
      this.set(this.key());
    } else {
      this.seldom(this.next(1000), this.key());
    }
  }

  seldom(choice, key) {
    const { ours, theirs } = this;
    if (choice < 250) {
      this.same(ours.delete(key), theirs.delete(key), `delete ${key}`);
    } else if (choice < 450) {
      this.same(ours.has(key), theirs.has(key), `has ${key}`);
    } else if (choice < 600) {
      this.same(ours.peek(key), theirs.peek(key), `peek ${key}`);
    } else if (choice < 750) {
      this.same(ours.ttl(key), this.theirTtl(key), `ttl ${key}`);
    } else if (choice < 900) {
      this.advance();
    } else if (choice < 950) {
      this.getMany([key, this.key(), this.key(), key]);
    } else if (choice < 985) {
      this.resize();
    } else if (choice < 997) {
      this.clearPattern(`${key}*`, (other) => other.startsWith(key));
    } else {
      ours.clear();
      theirs.clear();
    }
  }

  get(key) {
    const value = this.theirs.get(key);
    this[value === undefined ? "misses" : "hits"]++;
    this.same(this.ours.get(key), value, `get ${key}`);
  }

  getMany(keys) {
    const values = this.ours.getMany(keys);
    for (const [at, key] of keys.entries()) {
      const value = this.theirs.get(key);
      this[value === undefined ? "misses" : "hits"]++;
      this.same(values[at], value, `getMany ${key}`);
    }
  }

  set(key) {
    // The very same value again takes other ways in both.
    const old = this.next(4) === 0 ? this.theirs.peek(key) : undefined;
    const size = old?.size ?? 1 + this.next(this.next(50) === 0 ? this.maxBytes * 2 : 100);
    const value = old ?? { made: this.made++, size: this.sized ? size : 1 };
    const life = this.timed ? [undefined, null, 2, 10, 30, 100, 400][this.next(7)] : undefined;
    const options = typeof life === "number" ? `${life}ms` : life;
    if (this.sized && value.size > this.maxBytes) {
      assert.throws(() => this.ours.set(key, value, options), RangeError);
      // The value that was to be replaced does not stay.
      this.theirs.delete(key);
      return;
    }
    this.ours.set(key, value, options);
    this.put(key, value, (life === undefined ? this.ttl : life) ?? 0, this.time);
  }

  put(key, value, life, start) {
    this.lives.set(key, { life, start });
    this.theirs.set(key, value, { ttl: life === 0 ? 0 : life - 1, start });
  }

  theirTtl(key) {
    if (!this.theirs.has(key)) {
      return undefined;
    }
    const left = this.theirs.getRemainingTTL(key);
    return left === Number.POSITIVE_INFINITY ? null : (left + 1) / 1000;
  }

  advance() {
    if (this.timed || this.ttl) {
      this.time += 2 * this.next(20);
      this.theirs.purgeStale();
      if (this.helped) {
        this.ours.sweep();
      }
    }
  }

  resize() {
    const entries = [...this.theirs.rentries()];
    this.capacity = Math.max(1, this.capacity + this.next(7) - 3);
    this.maxBytes = this.sized ? Math.max(50, this.maxBytes + this.next(401) - 200) : this.maxBytes;
    this.ours.resize(this.capacity, this.sized ? this.maxBytes : undefined);
    this.theirs = this.makeTheirs();
    for (const [key, value] of entries) {
      const { life, start } = this.lives.get(key);
      if (this.sized && value.size > this.maxBytes) {
        // lru-cache refuses it; in isocache its turn to leave comes after all that are older.
        this.theirs.clear();
      } else {
        this.put(key, value, life, start);
      }
    }
  }

  clearPattern(pattern, matches) {
    const going = [...this.theirs.keys()].filter(matches);
    this.same(this.ours.clearPattern(pattern), going.length, `clearPattern ${pattern}`);
    for (const key of going) {
      this.theirs.delete(key);
    }
  }

  /** The whole state. It makes isocache sweep, so it is a help. */
  compare() {
    const ours = [...this.ours];
    const theirs = [...this.theirs.entries()];
    this.same(ours.length, theirs.length, "number of entries");
    for (const [at, [key, value]] of theirs.entries()) {
      this.same(ours[at][0], key, `key at ${at} of the order`);
      this.same(ours[at][1], value, `value of ${key}`);
    }
    this.same(this.ours.size, this.theirs.size, "size");
    const stats = this.ours.stats();
    this.same(stats.hits, this.hits, "hits");
    this.same(stats.misses, this.misses, "misses");
    this.same(stats.entries, this.theirs.size, "entries");
    this.same(stats.bytes, this.sized ? this.theirs.calculatedSize : undefined, "bytes");
  }
}

let total = 0;

/** `every`: the operations between two comparisons of the whole state; without it, there is one at the end. */
function run(options, operations, every = operations) {
  const pair = new Pair(options);
  for (let done = 1; done <= operations; done++) {
    try {
      pair.step();
      if (done % every === 0 || done === operations) {
        pair.compare();
      }
    } catch (error) {
      throw new Error(`seed ${options.seed}, operation ${done} of ${JSON.stringify(options)}`, { cause: error });
    }
  }
  total += operations;
  pair.ours.close();
}

const SIZED = [
  { capacity: 1, keys: 4 },
  { capacity: 7, keys: 20 },
  { capacity: 50, keys: 120 },
  { capacity: 300, keys: 1000 },
];

const FORMED = Object.keys(FORMS).flatMap((form) => SIZED.map((shape) => ({ form, ...shape })));
for (const shape of FORMED) {
  const { form, capacity, keys } = shape;
  const options = { seed: 7919 * capacity, ...shape };
  const name = `${form}, capacity ${capacity}, ${keys} keys`;
  test(`${name}`, () => run(options, 60_000, 97));
  test(`${name}, read most of the time`, () => run({ ...options, reads: 97 }, 60_000, 701));
  test(`${name}, by size`, () => run({ ...options, sized: true }, 60_000, 97));
  test(`${name}, with ttls`, () => run({ ...options, timed: true }, 60_000, 97));
  test(`${name}, by size, with ttls and a default ttl`, () =>
    run({ ...options, sized: true, timed: true, ttl: 200 }, 60_000, 97));
}

// The comparison of the whole state would help, so it comes at the end of many short runs.
for (const [form, sized] of Object.keys(FORMS).flatMap((form) => [false, true].map((sized) => [form, sized]))) {
  test(`${form}: what has expired makes room without help${sized ? ", by size" : ""}`, () => {
    for (let seed = 1; seed <= 500; seed++) {
      // Resizing moves the capacity by up to 3 at a time, but stays below what one write sweeps.
      const capacity = 1 + (seed % 12);
      run({ form, seed, capacity, keys: capacity * 3, timed: true, sized, helped: false }, 300);
    }
  });
}

test("at least a million operations of each form were compared", (t) => {
  t.diagnostic(`${total} operations`);
  assert.ok(total >= 2_000_000, `only ${total}`);
});
