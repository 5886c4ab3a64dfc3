/** Estimates the hit ratios of a cache at other sizes and under other policies, as in `src/engine/advisor/mod.rs`. */

import { hashOf } from "../ghosts.js";
import { CACHES } from "./keys.js";
import { type Counts, Sample } from "./sample.js";

/** The simulated sizes, as multiples of the current one. */
const FACTORS = [0.25, 0.5, 1, 2, 4] as const;
/** The number of sampled lookups in the first period, and in each later one. */
const FIRST = 100_000;
const LATER = 2 ** 15;
/** A period ends after this many lookups even if few of them were sampled. */
const LONGEST = 2 ** 22;
/**
 * The budget of all later periods, in steps: one for every `EARLY_SHARE` of the first `EARLY` lookups, and one for
 * every `SHARE` of the others.
 */
const EARLY_SHARE = 12;
const EARLY = 2 ** 22;
const SHARE = 128;
/** The cost in steps of a lookup in a period that is not sampled: its key is hashed. */
const UNSAMPLED = 0.5;
/** The number of sampled lookups at the beginning of a later period that are not counted. */
const WARM_UP = 2 ** 12;
/** The number of sampled entries that is enough at the current size, once not all keys are sampled. */
const ENOUGH = 128;
/** Ratios closer than this to 0 or 1 count as this far from them. */
const LEAST = 1e-4;
/** The maximum number of slots for which it is stored that their keys are not sampled, in a byte for each. */
const MARKED = 2 ** 16;
/** In a pause, one in this many misses checks whether it is over. */
const ASKED = 64;

/** The estimated hit ratios of a cache at one size. */
export interface Estimate {
  /** The size, as a multiple of the current one. */
  factor: number;
  /** The size in entries. In a cache with a limit on sizes alone, the number of entries that fit. */
  maxEntries: number;
  /** The hit ratio under `"lru"`, from 0 to 1. */
  lru: number;
  /** The hit ratio under `"s3fifo"`, from 0 to 1. */
  s3fifo: number;
}

/** A cache, as its advisor sees it. */
export interface Advised {
  /** @internal */
  readonly table: {
    readonly contents: { unsampled: Uint8Array | undefined };
    counts(): { hits: number; misses: number; entries: number };
  };
  /** @internal The limit on entries may be `Infinity`. */
  readonly settings: { readonly maxEntries: number; readonly policy: string };
}

/** The state of one advised cache. */
export class Advisor {
  readonly #cache: Advised;
  /** Called when hits no longer need to be reported, and when they do again. */
  readonly #onPause: (isPaused: boolean) => void;
  #sample = new Sample();
  #entries = 0;
  /** The hits and misses before the advisor began. */
  #before = { hits: 0, misses: 0 };
  /** The sampled lookups, and all reported ones. */
  #sampled = 0;
  #seen = 0;
  /** The numbers of both at which the period ends. */
  #end = FIRST;
  #last = LONGEST;
  /** The cost of the later periods. */
  #cost = 0;
  /** The number of sampled lookups with which a warm-up ends, the counts before it, and their rate. */
  #warmUp: { end: number; counts: Counts; rate: number } | undefined;
  #isFirst = true;
  #isPaused = false;
  #missed = 0;

  constructor(cache: Advised, onPause: (isPaused: boolean) => void) {
    this.#cache = cache;
    this.#onPause = onPause;
    this.#setEntries(this.#limit === Infinity ? 1 : this.#limit);
    this.#pause(false);
  }

  /** Records a hit of the key in a slot. */
  hit(key: string, slot: number): void {
    const { unsampled } = this.#cache.table.contents;
    if (unsampled === undefined) {
      return;
    }
    // To look at the slot is quicker than to hash the key.
    if (unsampled[slot] === 1) {
      this.#pass();
    } else if (!this.#see(key)) {
      unsampled[slot] = 1;
    }
  }

  miss(key: string): void {
    if (this.#isPaused && (++this.#missed % ASKED !== 0 || !this.#resume())) {
      return;
    }
    if (this.#limit === Infinity && this.#seen % ASKED === 0) {
      // The cache is still filling up.
      const { entries } = this.#cache.table.counts();
      if (entries * (15 / 16) > this.#entries) {
        this.#setEntries(entries);
      }
    }
    this.#see(key);
  }

  /** The estimates; none before the first lookup. */
  estimates(): Estimate[] {
    const { hits, misses } = this.#cache.table.counts();
    const found = hits - this.#before.hits;
    const lookups = found + misses - this.#before.misses;
    const counts = this.#counts();
    if (counts.uses < 1 || lookups === 0) {
      return [];
    }
    // All are adjusted until the one is right whose truth is known. If not all keys are sampled, the miss ratios are
    // wrong by one factor, because of frequent keys in the sample or outside; otherwise because of the time between the
    // periods.
    const middle = (CACHES - 1) / 2;
    const truth = found / lookups;
    const present =
      (this.#cache.settings.policy === "s3fifo" ? counts.s3fifo(middle) : counts.lru(middle)) / counts.uses;
    const shift = logOdds(truth) - logOdds(present);
    const most = Math.abs(truth - present);
    const missed = this.#sample.isWhole || present >= 1 ? undefined : (1 - truth) / (1 - present);
    const shifted = (ofHits: number) => {
      const simulated = ofHits / counts.uses;
      if (missed !== undefined) {
        return Math.max(0, 1 - (1 - simulated) * missed);
      }
      const by = ratio(logOdds(simulated) + shift) - simulated;
      return simulated + Math.min(most, Math.max(-most, by));
    };
    const sizes = sizesOf(this.#entries);
    return FACTORS.map((factor, at) => ({
      factor,
      maxEntries: sizes[at] as number,
      lru: shifted(counts.lru(at)),
      s3fifo: shifted(counts.s3fifo(at)),
    }));
  }

  /** The limits of the cache have changed: everything learned for another size is forgotten. */
  resized(): void {
    const limit = this.#limit;
    if (limit !== Infinity && limit !== this.#entries) {
      this.#before = this.#cache.table.counts();
      this.#sample = new Sample();
      this.#sampled = this.#seen = this.#cost = 0;
      this.#end = FIRST;
      this.#last = LONGEST;
      this.#warmUp = undefined;
      this.#isFirst = true;
      this.#setEntries(limit);
      this.#pause(false);
    }
  }

  get #limit(): number {
    return this.#cache.settings.maxEntries;
  }

  #setEntries(entries: number): void {
    this.#entries = entries;
    this.#sample.setSizes(sizesOf(entries));
  }

  #pause(isPaused: boolean): void {
    this.#isPaused = isPaused;
    this.#cache.table.contents.unsampled = isPaused ? undefined : new Uint8Array(Math.min(this.#limit, MARKED));
    this.#onPause(isPaused);
  }

  /** Returns whether the key belongs to the sample. */
  #see(key: string): boolean {
    const bits = hashOf(key);
    const hash = mixed(bits);
    if (hash <= this.#sample.bound) {
      this.see(hash, mixed(bits ^ 0x9747b28c));
      return true;
    }
    this.#pass();
    return false;
  }

  /** Counts a lookup that is not sampled. */
  #pass(): void {
    if (++this.#seen >= this.#last) {
      this.#endPeriod();
    }
  }

  /** Records a key by its hashes. */
  see(hash: number, mix: number): void {
    this.#seen++;
    if (hash <= this.#sample.bound) {
      const cost = this.#sample.record(hash, mix);
      this.#cost += this.#isFirst ? 0 : cost;
      this.#sampled++;
      if (this.#warmUp !== undefined && this.#sampled >= this.#warmUp.end) {
        this.#sample.counts = this.#counts();
        this.#warmUp = undefined;
      }
    }
    if (this.#sampled >= this.#end || this.#seen >= this.#last) {
      this.#endPeriod();
    }
  }

  #endPeriod(): void {
    const seen = this.#seen - this.#last + LONGEST;
    const sampled = this.#sampled - this.#end + LATER;
    this.#cost += this.#isFirst ? 0 : UNSAMPLED * (seen - sampled);
    this.#isFirst = false;
    this.#sample.lowerTo(ENOUGH / this.#entries);
    this.#pause(true);
  }

  /** Begins the next period, if enough lookups have passed. */
  #resume(): boolean {
    const { hits, misses } = this.#cache.table.counts();
    const lookups = hits + misses - this.#before.hits - this.#before.misses;
    const budget = Math.min(lookups, EARLY) / EARLY_SHARE + Math.max(lookups - EARLY, 0) / SHARE;
    if (this.#cost + LATER > budget) {
      return false;
    }
    this.#end = this.#sampled + LATER;
    this.#last = this.#seen + LONGEST;
    const { counts, rate } = this.#sample;
    this.#warmUp = { end: this.#sampled + WARM_UP, counts: counts.scaled(1), rate };
    this.#sample.resume();
    this.#pause(false);
    return true;
  }

  /** The counts, without a warm-up. */
  #counts(): Counts {
    const warmUp = this.#warmUp;
    return warmUp === undefined ? this.#sample.counts : warmUp.counts.scaled(this.#sample.rate / warmUp.rate);
  }
}

/** The sizes to simulate for a cache. */
function sizesOf(entries: number): number[] {
  return FACTORS.map((factor) => Math.max(1, Math.round(entries * factor)));
}

function logOdds(ratio: number): number {
  const within = Math.min(1 - LEAST, Math.max(LEAST, ratio));
  return Math.log(within / (1 - within));
}

/** The ratio of log-odds. */
function ratio(logOdds: number): number {
  return 1 / (1 + Math.exp(-logOdds));
}

/** Mixes all bits of a hash. */
function mixed(hash: number): number {
  let bits = hash ^ (hash >>> 16);
  bits = Math.imul(bits, 0x85ebca6b);
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35);
  return (bits ^ (bits >>> 16)) >>> 0;
}
