/** A spatial sample of the keys, in caches that are smaller by the same ratio, as in `src/engine/advisor/sample.rs`. */

import { Fifo } from "./fifo.js";
import { CACHES, Keys, MOST, NONE } from "./keys.js";
import { Recency } from "./recency.js";

/** The number of insertions after which ghosts must be checked, so that none is taken for a newer one. */
const GHOSTS_LAST = 30_000;
/** A bit for each S3-FIFO cache. */
const ALL = 2 ** CACHES - 1;
const LAST_HASH = 2 ** 32 - 1;

/** What the sample has seen, in uses of keys at the current rate. */
export class Counts {
  uses = 0;
  /** By the level of the key in the order of use. */
  readonly levels = new Float64Array(CACHES + 1);
  /** By the S3-FIFO caches that held the key, a bit for each. */
  readonly held = new Float64Array(ALL + 1);

  /** A copy with every count multiplied. */
  scaled(by: number): Counts {
    const scaled = new Counts();
    scaled.uses = this.uses * by;
    scaled.levels.set(this.levels.map((count) => count * by));
    scaled.held.set(this.held.map((count) => count * by));
    return scaled;
  }

  /** The hits of an LRU cache. */
  lru(cache: number): number {
    return this.levels.subarray(0, cache + 1).reduce((sum, count) => sum + count, 0);
  }

  /** The hits of an S3-FIFO cache. */
  s3fifo(cache: number): number {
    return this.held.reduce((sum, count, set) => ((set >>> cache) & 1 ? sum + count : sum), 0);
  }
}

export class Sample {
  readonly #keys = new Keys();
  readonly #recency = new Recency(this.#keys);
  readonly #fifos = Array.from({ length: CACHES }, (_, cache) => new Fifo(this.#keys, cache));
  #sizes: readonly number[] = [];
  /** The number of insertions of keys since ghosts were last forgotten. */
  #inserted = 0;
  /** The keys whose hash is at most this are sampled. */
  bound = LAST_HASH;
  counts = new Counts();

  /** The fraction of all keys that is sampled. */
  get rate(): number {
    return (this.bound + 1) / 2 ** 32;
  }

  /** Whether all keys are sampled. */
  get isWhole(): boolean {
    return this.bound === LAST_HASH;
  }

  /** Sets the sizes of the caches that these simulate on a smaller scale. */
  setSizes(sizes: readonly number[]): void {
    this.#sizes = sizes;
    this.#reset(() => false);
  }

  /** Records a use of a key. Returns the cost: 1, and 1 for each cache that must store the key. */
  record(hash: number, mix: number): number {
    let key = this.#keys.find(hash, mix);
    if (key === NONE) {
      key = this.#add(hash, mix);
      if (key === NONE) {
        return 1;
      }
    }
    const { counts } = this;
    counts.uses++;
    (counts.levels[this.#recency.touch(key)] as number)++;
    const held = this.#keys.countUse(key);
    (counts.held[held] as number)++;
    let cost = 1;
    for (let cache = 0; held !== ALL && cache < CACHES; cache++) {
      if (((held >>> cache) & 1) === 0) {
        (this.#fifos[cache] as Fifo).insert(key);
        cost++;
      }
    }
    this.#inserted += cost - 1;
    if (this.#inserted >= GHOSTS_LAST) {
      this.#sweep();
    }
    return cost;
  }

  /** Adds a key to the table. Returns `NONE` if the bound is now lower. */
  #add(hash: number, mix: number): number {
    if (this.#keys.isFull) {
      // At least a sixteenth, so that this is not needed again soon.
      let freed = this.#sweep();
      while (freed < MOST / 16) {
        freed += this.#lower();
      }
      if (hash > this.bound) {
        return NONE;
      }
    }
    return this.#keys.take(hash, mix);
  }

  #sweep(): number {
    this.#inserted = 0;
    this.#keys.visit((key) => {
      for (const fifo of this.#fifos) {
        fifo.forget(key);
      }
    });
    return this.#keys.sweep();
  }

  /** Lowers the bound by a quarter. Returns the number of keys that have left. */
  #lower(): number {
    const before = this.rate;
    this.bound -= Math.floor(this.bound / 4);
    const share = this.rate / before;
    this.counts = this.counts.scaled(share);
    const isGone = (hash: number) => hash > this.bound;
    this.#reset(isGone);
    this.#forgetGhosts(isGone, share);
    return this.#sweep();
  }

  /** Lowers the rate to about `rate`, unless all keys are sampled. */
  lowerTo(rate: number): void {
    while (!this.isWhole && this.rate * 0.75 >= rate) {
      this.#lower();
    }
  }

  /**
   * Continues after lookups that the sample has not seen. Small caches are emptied, because their contents are out of
   * date.
   */
  resume(): void {
    if (this.isWhole) {
      this.#reset(() => true);
      this.#forgetGhosts(() => true, 1);
      this.#sweep();
    }
  }

  /** Removes ghosts. The others become younger by the factor `share`. */
  #forgetGhosts(isGone: (hash: number) => boolean, share: number): void {
    this.#keys.visit((key) => {
      const leaves = isGone(this.#keys.hashes[key] as number);
      for (const fifo of this.#fifos) {
        fifo.thin(key, leaves, share);
      }
    });
  }

  #reset(isGone: (hash: number) => boolean): void {
    const sizes = this.#sizes.map((size) => Math.max(1, Math.round(size * this.rate)));
    this.#recency.reset(sizes, isGone);
    for (const [cache, fifo] of this.#fifos.entries()) {
      fifo.reset(sizes[cache] as number, isGone);
    }
  }
}
