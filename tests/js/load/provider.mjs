/** A provider whose operations take several turns, as those of a remote store do, and chance from a seed. */

import { MemoryCache } from "isocache";

/** Numbers that a seed gives (SplitMix32): `below(n)` is from 0 up to n - 1. */
export function seeded(seed) {
  let state = seed | 0;
  return (limit) => {
    state = (state + 0x9e3779b9) | 0;
    let mixed = Math.imul(state ^ (state >>> 16), 0x21f0aaad);
    mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97);
    return ((mixed ^ (mixed >>> 15)) >>> 0) % limit;
  };
}

/** Lets others run this many times. */
export async function pause(turns) {
  for (let turn = 0; turn < turns; turn++) {
    await undefined;
  }
}

export class Remote {
  broken = false;

  constructor(store = new MemoryCache(), turns = () => 2) {
    this.store = store;
    this.turns = turns;
  }

  async #travel(operation) {
    await pause(this.turns());
    if (this.broken) {
      throw new Error("the provider is broken");
    }
    const done = operation();
    await pause(this.turns());
    return done;
  }

  get(key) {
    return this.#travel(() => this.store.get(key));
  }
  getEntry(key) {
    return this.#travel(() => this.store.getEntry(key));
  }
  getMany(keys) {
    return this.#travel(() => this.store.getMany(keys));
  }
  increment(key, by, options) {
    return this.#travel(() => {
      const sum = (this.store.get(key) ?? 0) + by;
      this.store.set(key, sum, options);
      return sum;
    });
  }
  set(key, value, options) {
    return this.#travel(() => void this.store.set(key, value, options));
  }
  delete(key) {
    return this.#travel(() => this.store.delete(key));
  }
  has(key) {
    return this.#travel(() => this.store.has(key));
  }
  clearPattern(pattern) {
    return this.#travel(() => this.store.clearPattern(pattern));
  }
  stats() {
    return this.#travel(() => this.store.stats());
  }
}

/** A gate that a loader waits at. */
export function gate() {
  let open;
  const opened = new Promise((resolve) => {
    open = resolve;
  });
  return { opened, open };
}
