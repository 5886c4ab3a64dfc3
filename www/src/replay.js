/**
 * A cache and what is done with it: the page uses one of these directly, or one that lives in a worker.
 *
 * The rule of a replay: `get(key)`; on a miss `set(key)`, with the number of the request as the value.
 */

import { requests } from "./workloads.js";

/** The most points that a chart gets. */
const WINDOWS = 200;
/** Requests between two looks at the time. */
const STEP = 500;

export class Session {
  #MemoryCache;
  #advisor;
  /** How long to work before others have a turn, in milliseconds. */
  #slice;
  #cache;
  #rate = 1;
  /** The time of the cache while a replay runs; afterwards it goes on with the clock of the machine. */
  #replayTime;
  #shift = 0;
  #expires = false;
  #stopped = false;

  constructor({ MemoryCache, advisor }, slice) {
    this.#MemoryCache = MemoryCache;
    this.#advisor = advisor;
    this.#slice = slice;
  }

  /** Makes the cache. Throws what the package throws for a capacity or ttl that it does not accept. */
  open({ capacity, ttl, rate }) {
    this.#cache = new this.#MemoryCache({
      maxEntries: capacity,
      ttl,
      advise: this.#advisor(),
      clock: () => this.#replayTime ?? Date.now() + this.#shift,
    });
    this.#rate = rate;
    this.#expires = ttl !== null;
  }

  /** Runs until all requests are made or `stop` is called. Calls `report` in between and at the end. */
  async replay(source, report) {
    const cache = this.#cache;
    const { total, next } = requests(source);
    const window = Math.ceil(total / WINDOWS);
    const start = Date.now();
    const points = [];
    let before = cache.stats();
    let done = 0;
    let seconds = 0;

    const point = () => {
      const now = cache.stats();
      const gets = now.hits - before.hits + now.misses - before.misses;
      points.push({ at: done, total: now.hitRate, window: (now.hits - before.hits) / gets });
      before = now;
    };
    const step = () => {
      for (const end = Math.min(total, done + STEP); done < end; ) {
        this.#replayTime = start + Math.floor((done * 1000) / this.#rate);
        const key = next();
        done++;
        if (cache.get(key) === undefined) {
          cache.set(key, done);
        }
        if (done % window === 0 || done === total) {
          point();
        }
      }
    };

    while (done < total && !this.#stopped) {
      const began = performance.now();
      do {
        step();
      } while (done < total && performance.now() - began < this.#slice);
      seconds += (performance.now() - began) / 1000;
      report({ done, total, window, seconds, points, stats: cache.stats(), advice: cache.advise() });
      await turn();
    }
    this.#shift = this.#replayTime - Date.now();
    this.#replayTime = undefined;
  }

  stop() {
    this.#stopped = true;
  }

  /** One of `get`, `set`, `delete` and `clearPattern`, as a person asked for it. */
  command(name, ...args) {
    const answer = this.#cache[name](...args);
    if (name === "set") {
      this.#expires ||= args[2]?.ttl != null;
      return undefined;
    }
    return answer;
  }

  /** The counts, and the most recently used entries with the seconds until they expire (`null`: never). */
  look(most) {
    const entries = [];
    for (const [key, value] of this.#cache.entries()) {
      entries.push({ key, value, ttl: this.#cache.ttl(key) });
      if (entries.length === most) {
        break;
      }
    }
    return { stats: this.#cache.stats(), advice: this.#cache.advise(), entries, expires: this.#expires };
  }

  close() {
    this.#stopped = true;
    this.#cache.close();
  }
}

/** Lets messages and events have their turn. */
function turn() {
  return new Promise((resolve) => setTimeout(resolve));
}
