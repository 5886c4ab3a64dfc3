/**
 * Connects keys and values in JavaScript with an engine in wasm.
 *
 * `Contents` keeps keys and values in JavaScript, by slot number. The engine keeps order, deadlines, sizes and most
 * counts in wasm, by the same number. `engine.ts` describes what happens without a call.
 */

import { checkText } from "./check.js";
import { MARGIN } from "./clock.js";
import { EVICTED, REFUSED, REMEMBER, SLOT } from "./engine.js";
import { hashOf } from "./ghosts.js";
import type { TableOptions } from "./table-options.js";
import { TableRemovals } from "./table-removals.js";

export class Table<V> extends TableRemovals<V> {
  /** The tables of `contents`, for lookups. */
  readonly #index: Map<string, number>;
  readonly #values: (V | undefined)[];
  readonly #keys: (string | undefined)[];
  /** The ttl of each entry by slot, if hits restart it. */
  readonly #ttls: number[] | undefined;
  /** Whether entries have sizes. */
  readonly #weighed: boolean;

  constructor(options: TableOptions) {
    super(options);
    this.#index = this.contents.index;
    this.#values = this.contents.values;
    this.#keys = this.contents.keys;
    this.#ttls = options.touchOnGet ? [] : undefined;
    this.#weighed = options.sizeOf !== undefined;
  }

  /** The slot of the fresh entry under `key`. An expired one is removed. */
  find(key: string): number | undefined {
    const slot = this.#index.get(key);
    return slot === undefined ? undefined : this.#ifFresh(key, slot);
  }

  /** The slot of the entry under `key`, fresh or stale. An expired one is removed. */
  findKept(key: string): number | undefined {
    return this.findAt(key, this.timeNow(), true);
  }

  /** The value of the fresh entry under `key`, counted as a hit; `undefined` if there is none. */
  lookup(key: string): V | undefined {
    if (this.isStampOnly === true) {
      const slot = this.#index.get(key);
      if (slot === undefined) {
        return undefined;
      }
      this.slotEngine.stamp(slot);
      return this.#values[slot];
    }
    const slot = this.find(key);
    return slot === undefined ? undefined : this.hit(slot);
  }

  /** The value of a fresh entry, counted as a hit. */
  hit(slot: number): V {
    this.slotEngine.use(slot);
    if (this.#ttls !== undefined) {
      this.setTtl(slot, this.#ttls[slot] as number);
    }
    return this.#values[slot] as V;
  }

  /** Makes an entry the most recently used, without counting a lookup. */
  touch(slot: number): void {
    this.slotEngine.use(slot);
    this.tally.touches++;
  }

  /** The ttl that hits restart, if they do. */
  ownTtl(slot: number): number | undefined {
    return this.#ttls?.[slot];
  }

  /** Gives a fresh entry a new ttl, which begins now. The length of its window does not change. Returns false if memory cannot be allocated. */
  setTtl(slot: number, ttl: number): boolean {
    if (ttl === Infinity && this.nextDue === Infinity) {
      return true;
    }
    const deadline = this.ownClock.now() + ttl;
    const window = this.slotEngine.end(slot) - this.slotEngine.deadline(slot);
    if (!this.slotEngine.setDeadline(slot, deadline)) {
      return false;
    }
    this.#keepStale(slot, deadline, window);
    this.setDue(Math.min(this.nextDue, deadline));
    if (this.#ttls !== undefined) {
      this.#ttls[slot] = ttl;
    }
    return true;
  }

  /** Counts a hit. */
  use(slot: number): void {
    this.slotEngine.use(slot);
  }

  /** Counts a lookup that found nothing. */
  miss(): void {
    this.checkUsable();
    this.tally.misses++;
  }

  /** How long an entry stays fresh, in milliseconds; 0 or less if it is stale. */
  remaining(slot: number): number {
    const deadline = this.slotEngine.deadline(slot);
    return deadline === Infinity ? deadline : deadline - this.ownClock.now();
  }

  /**
   * Like `set`, if that needs no reading of the clock and, under LRU, no call to the engine. Otherwise returns false
   * and changes nothing. Entries must have no sizes, and removals no listener.
   */
  put(key: string, value: V, ttl: number): boolean {
    let deadline = Infinity;
    if (this.isStampOnly !== true || ttl !== Infinity) {
      const now = this.#ttls === undefined ? this.#recentFor(ttl) : -1;
      if (now < 0) {
        return false;
      }
      deadline = now + ttl;
    }
    let slot = this.#index.get(key);
    if (slot !== undefined) {
      if (!this.slotEngine.postpone(slot, deadline)) {
        return false;
      }
      this.slotEngine.use(slot);
      this.tally.rewrites++;
    } else {
      if (this.#index.size < this.mostEntries) {
        return false;
      }
      checkText(key);
      if (this.contents.ghosts !== undefined) {
        // At time 0, nothing expires.
        return this.#insert(key, value, 0, deadline, 0) !== undefined;
      }
      slot = this.slotEngine.replaceOldest(deadline);
      if (slot < 0) {
        return false;
      }
      this.tally.replaced++;
      this.#index.delete(this.#keys[slot] as string);
      this.#index.set(key, slot);
      this.#keys[slot] = key;
      this.contents.unmark(slot);
    }
    this.#values[slot] = value;
    return true;
  }

  /**
   * Stores a value that is fresh for `ttl` milliseconds, and kept as stale for `staleFor` more; `ownTtl` is the ttl that
   * hits restart. Returns false if memory cannot be allocated. Throws for an invalid key.
   */
  set(key: string, value: V, weight: number, ttl: number, staleFor: number, ownTtl = ttl): boolean {
    // The clock is the caller's code and may use the cache, so it is called before anything is looked up.
    const now = this.#nowFor(ttl);
    const deadline = now + ttl;
    let slot = this.findAt(key, now, true);
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
      this.#ttls[slot] = ownTtl;
    }
    this.#keepStale(slot, deadline, staleFor);
    return true;
  }

  /** Keeps an entry after its deadline, if `staleFor` is a time. */
  #keepStale(slot: number, deadline: number, staleFor: number): void {
    if (staleFor > 0 && deadline !== Infinity) {
      this.slotEngine.keepStale(slot, deadline + staleFor);
    }
  }

  /** The time for a write of an entry with this ttl, or 0 if it does not matter. */
  #nowFor(ttl: number): number {
    const recent = this.#recentFor(ttl);
    return recent < 0 ? this.ownClock.now() : recent;
  }

  /**
   * Like `#nowFor`, but -1 if the clock must be read. A long ttl may begin at an earlier reading: it then ends early by
   * the time that the program paused within this turn of the event loop.
   */
  #recentFor(ttl: number): number {
    if (ttl === Infinity && this.nextDue === Infinity) {
      return 0;
    }
    return ttl < MARGIN ? -1 : this.ownClock.recent(this.nextDue);
  }

  /** The slot of the entry that was found under `key`, if it is fresh. An expired one is removed. */
  #ifFresh(key: string, slot: number): number | undefined {
    if (this.nextDue === Infinity || this.ownClock.recent(this.nextDue) >= 0) {
      return slot;
    }
    const now = this.ownClock.now();
    // A clock of the caller may have used the cache.
    return this.ownClock.isPlatforms && now < this.nextDue ? slot : this.findAt(key, now);
  }

  /** The slot of the new entry; `undefined` if memory cannot be allocated. */
  #insert(key: string, value: V, weight: number, deadline: number, now: number): number | undefined {
    const { ghosts } = this.contents;
    const hash = ghosts === undefined ? 0 : hashOf(key);
    const isBack = ghosts?.take(hash) === true;
    // The common case needs no call: only the limit on entries is reached, and nothing can have expired.
    let slot = -1;
    if (!isBack && this.contents.size >= this.mostEntries && !this.#weighed && now < this.nextDue) {
      slot = this.slotEngine.replaceNext(deadline);
    }
    if (slot >= 0) {
      this.tally.replaced++;
      this.contents.leave(slot, "evicted", ghosts !== undefined);
    } else {
      slot = this.#insertByCall(weight, deadline, now, isBack);
      if (slot === REFUSED) {
        return undefined;
      }
    }
    this.contents.put(slot, key, value);
    ghosts?.enter(slot, hash);
    return slot;
  }

  /** The slot for a new entry, which the engine chooses; `REFUSED` if memory cannot be allocated. */
  #insertByCall(weight: number, deadline: number, now: number, isBack: boolean): number {
    this.checkUsable();
    const decision = this.slotEngine.insert(weight, deadline, now, isBack);
    this.setDue(Math.min(this.nextDue, deadline));
    this.dropRemoved();
    const slot = decision & SLOT;
    if (slot !== REFUSED && decision & EVICTED) {
      this.contents.leave(slot, "evicted", (decision & REMEMBER) !== 0);
    }
    return slot;
  }

  #update(slot: number, key: string, value: V, weight: number, deadline: number, now: number): boolean {
    // The replaced value is reported before the entries that are evicted for the new one.
    const first = this.contents.left.length;
    if (!this.#weighed && now < this.nextDue && this.slotEngine.postpone(slot, deadline)) {
      this.slotEngine.use(slot);
      this.tally.rewrites++;
    } else {
      const isUpdated = this.slotEngine.update(slot, weight, deadline, now);
      this.setDue(Math.min(this.nextDue, deadline));
      this.dropRemoved();
      if (!isUpdated) {
        return false;
      }
    }
    this.contents.replace(slot, key, value, first);
    return true;
  }
}
