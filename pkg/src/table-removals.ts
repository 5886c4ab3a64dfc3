/** The entries of a table, and their removal: by expiry, deletion, limits and disposal. */

import { CacheClock } from "./cache-clock.js";
import { Contents } from "./contents.js";
import { Engine } from "./engine.js";
import { Ghosts } from "./ghosts.js";
import { MAX_ENTRIES, type TableOptions } from "./table-options.js";
import { Tally } from "./tally.js";
import type { RemovalReason } from "./types.js";

/**
 * The number of candidates for expiry that a lookup examines, so that no lookup pays for many entries that expire at
 * once.
 */
const SWEEP = 16;
/** All candidates. */
const ALL = 2 ** 32 - 1;

/** Reasons by their numbers in the engine. */
const REASONS: readonly RemovalReason[] = ["evicted", "expired"];

/** The base class of `Table`. */
export class TableRemovals<V> {
  readonly contents: Contents<V>;
  protected readonly slotEngine: Engine;
  protected readonly ownClock: CacheClock;
  protected readonly tally = new Tally();
  protected mostEntries: number;
  /** Whether the policy is LRU and hits do not change ttls. */
  protected readonly isSimple: boolean;
  /**
   * Whether a lookup only has to find and stamp an entry: `isSimple`, and all entries are fresh because none has a ttl.
   */
  protected isStampOnly: boolean;
  /**
   * All entries are fresh before this time; `Infinity` if none has had a ttl, so that the clock need not be read. It is
   * `-Infinity` while there are stale entries. Only `setDue` changes it.
   */
  protected nextDue = Infinity;
  #disposed = false;
  #isClosing = false;

  constructor({ maxEntries, maxBytes, clock, onRemoval, touchOnGet, policy }: TableOptions) {
    const isS3Fifo = policy === "s3fifo";
    this.mostEntries = Math.min(maxEntries, MAX_ENTRIES);
    this.slotEngine = new Engine(this.mostEntries, maxBytes, isS3Fifo);
    this.ownClock = new CacheClock(clock);
    this.contents = new Contents(onRemoval !== undefined, isS3Fifo ? new Ghosts() : undefined);
    this.isSimple = !isS3Fifo && !touchOnGet;
    this.isStampOnly = this.isSimple;
  }

  /** The number of entries, without stale ones. It is exact after a sweep. */
  get size(): number {
    return this.nextDue === Infinity ? this.contents.size : this.slotEngine.count(5);
  }

  /** Removes the entry under `key`. Returns whether it was fresh; a stale one is reported as expired. */
  delete(key: string): boolean {
    const now = this.timeNow();
    const slot = this.findAt(key, now, true);
    if (slot === undefined) {
      return false;
    }
    const isStale = this.#isStale(slot, now);
    this.#remove(slot, isStale ? "expired" : "deleted");
    return !isStale;
  }

  /** Removes every entry, reporting stale ones as expired, and frees the memory. */
  clear(): void {
    const now = this.sweep();
    if (this.contents.isRecorded) {
      for (const [key, slot] of this.contents.index) {
        this.contents.record(key, slot, this.#isStale(slot, now) ? "expired" : "deleted");
      }
    }
    this.slotEngine.clear();
    this.#empty();
  }

  /** Removes every entry that has expired. Returns the time, or 0 if it does not matter. */
  sweep(): number {
    this.checkUsable();
    if (this.nextDue === Infinity) {
      return 0;
    }
    const now = this.ownClock.now();
    this.#sweep(now, ALL);
    return now;
  }

  /** Sets new limits. Entries over them are removed. */
  setLimits(maxEntries: number, maxBytes: number): void {
    const now = this.timeNow();
    this.checkUsable();
    this.mostEntries = Math.min(maxEntries, MAX_ENTRIES);
    this.slotEngine.setLimits(this.mostEntries, maxBytes, now);
    this.dropRemoved();
  }

  /** Keys and slots from the most to the least recently used, as they are now. */
  order(): [key: string, slot: number][] {
    this.checkUsable();
    const slots = this.slotEngine.order(this.contents.size);
    return Array.from(slots.reverse(), (slot) => [this.contents.keys[slot] as string, slot]);
  }

  counts(): ReturnType<Tally["counts"]> {
    this.checkUsable();
    return this.tally.counts(this.slotEngine);
  }

  /** Removes every entry, calls `report`, and frees the engine. Every call afterwards throws. */
  dispose(report: () => void): void {
    if (this.#disposed || this.#isClosing) {
      return;
    }
    this.#isClosing = true;
    try {
      if (this.contents.isRecorded) {
        this.clear();
        report();
      }
    } finally {
      this.#empty();
      this.#disposed = true;
      this.slotEngine.free();
    }
  }

  /** Throws if the engine was freed. */
  checkUsable(): void {
    if (this.#disposed) {
      throw new Error("isocache: this MemoryCache is closed; make a new one");
    }
  }

  /** The time, or 0 if it does not matter. */
  protected timeNow(): number {
    return this.nextDue === Infinity ? 0 : this.ownClock.now();
  }

  /**
   * The slot of the entry under `key`, if it is fresh at this time, or with `orStale` also if it is stale. An expired
   * one is removed.
   */
  protected findAt(key: string, now: number, orStale = false): number | undefined {
    const slot = this.contents.index.get(key);
    return slot === undefined || now < this.nextDue || this.#outlives(slot, now, orStale) ? slot : undefined;
  }

  /** Whether an entry is fresh, or with `orStale` also stale, once `nextDue` has passed. An expired one is removed. */
  #outlives(slot: number, now: number, orStale: boolean): boolean {
    const key = this.contents.keys[slot] as string;
    this.#sweep(now, SWEEP);
    if (!this.contents.holds(key, slot)) {
      return false;
    }
    if (now < this.slotEngine.deadline(slot)) {
      return true;
    }
    if (now < this.slotEngine.end(slot)) {
      return orStale;
    }
    this.#remove(slot, "expired");
    return false;
  }

  /** Whether an entry is past its deadline. */
  #isStale(slot: number, now: number): boolean {
    return now >= this.nextDue && now >= this.slotEngine.deadline(slot);
  }

  protected setDue(due: number): void {
    this.nextDue = due;
    this.isStampOnly = this.isSimple && due === Infinity;
  }

  /** Removes from the contents the entries that the engine has removed. */
  protected dropRemoved(): void {
    this.slotEngine.removed((slot, reason, isRemembered) => {
      this.contents.forget(slot, REASONS[reason] as RemovalReason, isRemembered);
    });
  }

  #sweep(now: number, budget: number): void {
    this.checkUsable();
    const due = this.slotEngine.sweep(now, budget);
    this.dropRemoved();
    this.setDue(due);
  }

  #remove(slot: number, reason: "expired" | "deleted"): void {
    this.checkUsable();
    this.slotEngine.remove(slot, reason === "expired");
    this.contents.forget(slot, reason);
  }

  #empty(): void {
    this.contents.empty();
    this.setDue(Infinity);
  }
}
