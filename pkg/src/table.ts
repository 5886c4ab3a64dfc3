/**
 * Keys and values beside an engine in wasm, and the rules of both.
 *
 * `Contents` keeps keys and values in JavaScript, by slot number; order, deadlines, sizes and most counts are kept in wasm,
 * by the same number. `engine.ts` tells what happens without a call.
 */

import { CacheClock } from "./cache-clock.js";
import { checkText } from "./check.js";
import { MARGIN } from "./clock.js";
import { Contents } from "./contents.js";
import { Engine, EVICTED, REFUSED, REMEMBER, SLOT } from "./engine.js";
import { MAX_ENTRIES, type TableOptions } from "./table-options.js";
import { Tally } from "./tally.js";
import type { RemovalReason } from "./types.js";

/** The candidates for expiry that a lookup examines, so that no lookup pays for many entries that expire at once. */
const SWEEP = 16;
/** All candidates. */
const ALL = 2 ** 32 - 1;

/** Reasons by the numbers of the engine. */
const REASONS: readonly RemovalReason[] = ["evicted", "expired"];

export class Table<V> {
  readonly contents: Contents<V>;
  /** Those of `contents`, for lookups. */
  readonly #index: Map<string, number>;
  readonly #values: (V | undefined)[];
  readonly #keys: (string | undefined)[];
  /** Whether the keys of entries that are evicted early are remembered. */
  readonly #remembers: boolean;
  /** Whether a lookup has only to find the entry and to stamp it, as long as the entry is fresh. */
  readonly #isSimple: boolean;
  /** Whether that holds, and all entries are fresh because none has a ttl. */
  #isPlain: boolean;
  /** The number of the key of the write in progress, if that key is remembered; else 0. */
  #ghost = 0;
  readonly #engine: Engine;
  #maxEntries: number;
  readonly #most: number;
  readonly #tally = new Tally();
  /** The ttl of each entry by slot, if a hit starts it again. */
  readonly #ttls: number[] | undefined;
  /**
   * All entries are fresh before this time; `Infinity` where none has had a ttl, so that the clock need not be read. It is
   * `-Infinity` while there are stale entries. Changed by `#setDue` only.
   */
  #due = Infinity;
  #disposed = false;
  #isClosing = false;
  readonly #clock: CacheClock;
  /** Whether entries have sizes. */
  readonly #weighed: boolean;

  constructor({ maxEntries, maxBytes, clock, sizeOf, onRemoval, touchOnGet, policy }: TableOptions) {
    this.#most = policy === "s3fifo" ? MAX_ENTRIES / 2 : MAX_ENTRIES;
    this.#maxEntries = Math.min(maxEntries, this.#most);
    this.#engine = new Engine(this.#maxEntries, maxBytes, policy === "s3fifo");
    this.#clock = new CacheClock(clock);
    this.#weighed = sizeOf !== undefined;
    this.contents = new Contents(onRemoval !== undefined);
    this.#index = this.contents.index;
    this.#values = this.contents.values;
    this.#keys = this.contents.keys;
    this.#ttls = touchOnGet ? [] : undefined;
    this.#remembers = policy === "s3fifo";
    this.#isSimple = !this.#remembers && !touchOnGet;
    this.#isPlain = this.#isSimple;
  }

  /** The number of entries without the stale ones. It is exact after a sweep. */
  get size(): number {
    return this.#due === Infinity ? this.contents.size : this.#engine.count(5);
  }

  /** The slot of the fresh entry under `key`. An expired one is removed. */
  find(key: string): number | undefined {
    const slot = this.#index.get(key);
    return slot === undefined || slot < 0 ? undefined : this.#ifFresh(key, slot);
  }

  /** The slot of the entry under `key`, fresh or stale. An expired one is removed. */
  findKept(key: string): number | undefined {
    return this.#findAt(key, this.#due === Infinity ? 0 : this.#clock.now(), true);
  }

  /** The value of the fresh entry under `key`, counted as a hit; `undefined` if there is none. */
  lookup(key: string): V | undefined {
    const slot = this.#index.get(key);
    if (slot === undefined) {
      return undefined;
    }
    if (this.#isPlain === true) {
      this.#engine.stamp(slot);
      return this.#values[slot];
    }
    return slot < 0 ? undefined : this.#lookupAt(this.#ifFresh(key, slot));
  }

  #lookupAt(slot: number | undefined): V | undefined {
    if (slot === undefined) {
      return undefined;
    }
    this.#engine.use(slot);
    if (this.#ttls !== undefined) {
      this.setTtl(slot, this.#ttls[slot] as number);
    }
    return this.#values[slot];
  }

  /** Makes an entry the most recently used, without counting a lookup. */
  touch(slot: number): void {
    this.#engine.use(slot);
    this.#tally.touches++;
  }

  /** Gives a fresh entry a new ttl, which begins now. False if there is no memory for it. */
  setTtl(slot: number, ttl: number): boolean {
    if (ttl === Infinity && this.#due === Infinity) {
      return true;
    }
    const deadline = this.#clock.now() + ttl;
    if (!this.#engine.setDeadline(slot, deadline)) {
      return false;
    }
    this.#setDue(Math.min(this.#due, deadline));
    if (this.#ttls !== undefined) {
      this.#ttls[slot] = ttl;
    }
    return true;
  }

  /** Counts a hit. */
  use(slot: number): void {
    this.#engine.use(slot);
  }

  /** Counts a lookup that found nothing. */
  miss(): void {
    this.checkUsable();
    this.#tally.misses++;
  }

  /** How long an entry is still fresh, in milliseconds; 0 or less if it is stale. */
  remaining(slot: number): number {
    const deadline = this.#engine.deadline(slot);
    return deadline === Infinity ? deadline : deadline - this.#clock.now();
  }

  /**
   * As `set`, if that takes no call of the engine and no reading of the clock. False if it does, with nothing changed. Entries
   * must have no sizes, and their removals no listener.
   */
  put(key: string, value: V, ttl: number): boolean {
    let deadline = Infinity;
    if (this.#isPlain !== true || ttl !== Infinity) {
      // A long ttl may begin a moment ago: it ends early by as long as the program paused within this turn of the event loop.
      const now = this.#isSimple === true ? this.#clock.recent(this.#due) : -1;
      if (now < 0 || ttl < MARGIN) {
        return false;
      }
      deadline = now + ttl;
    }
    let slot = this.#index.get(key);
    if (slot !== undefined) {
      if (!this.#engine.postpone(slot, deadline)) {
        return false;
      }
      this.#engine.stamp(slot);
      this.#tally.rewrites++;
    } else {
      if (this.#index.size < this.#maxEntries) {
        return false;
      }
      checkText(key);
      slot = this.#engine.replaceOldest(deadline);
      if (slot < 0) {
        return false;
      }
      this.#tally.replaced++;
      this.#index.delete(this.#keys[slot] as string);
      this.#index.set(key, slot);
      this.#keys[slot] = key;
    }
    this.#values[slot] = value;
    return true;
  }

  /**
   * Stores a value that is fresh for `ttl` milliseconds, and kept as stale for `staleFor` more. False if there is no memory.
   * Throws for an invalid key.
   */
  set(key: string, value: V, weight: number, ttl: number, staleFor: number): boolean {
    // The clock is the caller's code and may use the cache: it is called before anything is looked up.
    const now = this.#nowFor(ttl);
    const deadline = now + ttl;
    this.#ghost = 0;
    let slot = this.#findAt(key, now, true);
    if (slot !== undefined) {
      if (!this.#update(slot, key, value, weight, deadline, now)) {
        return false;
      }
    } else {
      // A key that is in the index was checked when it was inserted.
      checkText(key);
      slot = this.#insert(key, value, weight, deadline, now);
      if (slot === undefined) {
        return false;
      }
    }
    if (this.#ttls !== undefined) {
      this.#ttls[slot] = ttl;
    }
    if (staleFor > 0 && deadline !== Infinity) {
      this.#engine.keepStale(slot, deadline + staleFor);
    }
    return true;
  }

  /** Removes the entry under `key`. True if it was fresh; a stale one leaves as expired. */
  delete(key: string): boolean {
    const now = this.#due === Infinity ? 0 : this.#clock.now();
    const slot = this.#findAt(key, now, true);
    if (slot === undefined) {
      return false;
    }
    const isStale = this.#isStale(slot, now);
    this.#remove(slot, isStale);
    this.contents.forget(slot, isStale ? "expired" : "deleted");
    return !isStale;
  }

  /** Removes every entry, the expired ones as such, and gives the memory back. */
  clear(): void {
    const now = this.sweep();
    if (this.contents.isRecorded) {
      for (const [key, slot] of this.contents.entries()) {
        this.contents.record(key, slot, this.#isStale(slot, now) ? "expired" : "deleted");
      }
    }
    this.#engine.clear();
    this.#empty();
  }

  /** Removes every entry that has expired. Returns the time, if it matters. */
  sweep(): number {
    this.checkUsable();
    if (this.#due === Infinity) {
      return 0;
    }
    const now = this.#clock.now();
    this.#sweep(now, ALL);
    return now;
  }

  /** Sets new limits. Entries over them are removed. */
  setLimits(maxEntries: number, maxBytes: number): void {
    const now = this.#due === Infinity ? 0 : this.#clock.now();
    this.checkUsable();
    this.#maxEntries = Math.min(maxEntries, this.#most);
    this.#engine.setLimits(this.#maxEntries, maxBytes, now);
    this.#drain();
  }

  /** Keys and slots from the most to the least recently used, as they are now. */
  order(): [key: string, slot: number][] {
    this.checkUsable();
    const slots = this.#engine.order(this.contents.size);
    return Array.from(slots.reverse(), (slot) => [this.contents.keys[slot] as string, slot]);
  }

  counts(): ReturnType<Tally["counts"]> {
    this.checkUsable();
    return this.#tally.counts(this.#engine);
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
      this.#engine.free();
    }
  }

  /** Throws if the engine was freed. */
  checkUsable(): void {
    if (this.#disposed) {
      throw new Error("isocache: this MemoryCache is closed; make a new one");
    }
  }

  /** The time for a write of an entry with this ttl, if it matters. */
  #nowFor(ttl: number): number {
    return ttl === Infinity && this.#due === Infinity ? 0 : this.#clock.now();
  }

  /** The slot of the entry that was found under `key`, if it is fresh. An expired one is removed. */
  #ifFresh(key: string, slot: number): number | undefined {
    if (this.#due === Infinity || this.#clock.recent(this.#due) >= 0) {
      return slot;
    }
    const now = this.#clock.now();
    // A clock of the caller may have used the cache.
    return this.#clock.isPlatforms && now < this.#due ? slot : this.#findAt(key, now);
  }

  /** As `find`, or with `orStale` as `findKept`, at a known time. */
  #findAt(key: string, now: number, orStale = false): number | undefined {
    const slot = this.#index.get(key);
    if (slot === undefined || slot < 0) {
      this.#ghost = slot ?? 0;
      return undefined;
    }
    return now < this.#due || this.#outlives(slot, now, orStale) ? slot : undefined;
  }

  /** Whether an entry is fresh, or stale with `orStale`, where some entries may not be. An expired one is removed. */
  #outlives(slot: number, now: number, orStale: boolean): boolean {
    const key = this.contents.keys[slot] as string;
    this.#sweep(now, SWEEP);
    if (!this.contents.holds(key, slot)) {
      return false;
    }
    if (now < this.#engine.deadline(slot)) {
      return true;
    }
    if (now < this.#engine.end(slot)) {
      return orStale;
    }
    this.#remove(slot, true);
    this.contents.forget(slot, "expired");
    return false;
  }

  /** Whether an entry is past its deadline. */
  #isStale(slot: number, now: number): boolean {
    return now >= this.#due && now >= this.#engine.deadline(slot);
  }

  /** The slot of the new entry; `undefined` if there is no memory. */
  #insert(key: string, value: V, weight: number, deadline: number, now: number): number | undefined {
    // The common case is done without a call: only the limit on entries is reached, and nothing may have expired.
    let slot = -1;
    if (this.contents.size >= this.#maxEntries && !this.#weighed && now < this.#due && this.#ghost === 0) {
      slot = this.#engine.replaceNext(deadline);
    }
    if (slot >= 0) {
      this.#tally.replaced++;
      this.contents.leave(slot, "evicted", this.#remembers);
    } else {
      slot = this.#insertByCall(key, weight, deadline, now);
      if (slot === REFUSED) {
        return undefined;
      }
    }
    this.contents.put(slot, key, value);
    return slot;
  }

  /** The slot for a new entry, which the engine chooses; `REFUSED` if there is no memory. */
  #insertByCall(key: string, weight: number, deadline: number, now: number): number {
    this.checkUsable();
    const decision = this.#engine.insert(weight, deadline, now, this.#ghost < 0);
    this.#setDue(Math.min(this.#due, deadline));
    this.#drain();
    const slot = decision & SLOT;
    if (slot !== REFUSED) {
      if (decision & EVICTED) {
        this.contents.leave(slot, "evicted", (decision & REMEMBER) !== 0);
      }
      // Unless this write has just made it forgotten.
      if (this.#ghost < 0 && this.#index.get(key) === this.#ghost) {
        this.contents.ghosts.revive(this.#ghost);
      }
    }
    return slot;
  }

  #update(slot: number, key: string, value: V, weight: number, deadline: number, now: number): boolean {
    // The value that is replaced is reported before the entries that are evicted for the new one.
    const first = this.contents.left.length;
    if (!this.#weighed && now < this.#due && this.#engine.postpone(slot, deadline)) {
      this.#engine.use(slot);
      this.#tally.rewrites++;
    } else {
      const isUpdated = this.#engine.update(slot, weight, deadline, now);
      this.#setDue(Math.min(this.#due, deadline));
      this.#drain();
      if (!isUpdated) {
        return false;
      }
    }
    this.contents.replace(slot, key, value, first);
    return true;
  }

  #sweep(now: number, budget: number): void {
    this.checkUsable();
    const due = this.#engine.sweep(now, budget);
    this.#drain();
    this.#setDue(due);
  }

  #setDue(due: number): void {
    this.#due = due;
    this.#isPlain = this.#isSimple && due === Infinity;
  }

  /** Removes the entries from the tables that the engine has removed. */
  #drain(): void {
    this.#engine.removed((slot, reason, isRemembered) => {
      this.contents.forget(slot, REASONS[reason] as RemovalReason, isRemembered);
    });
  }

  /** Removes an entry from the engine: as expired, or as deleted. */
  #remove(slot: number, isExpired: boolean): void {
    this.checkUsable();
    this.#engine.remove(slot, isExpired);
  }

  #empty(): void {
    this.contents.empty();
    this.#setDue(Infinity);
  }
}
