/**
 * The engine of one cache: the one in wasm, and what is done for it here, without a call. A hit stores a stamp in its table;
 * an eviction takes the next slot from its queue. `Tables` in `src/engine/terms.rs` describes the rules.
 */

import { Slots } from "./glue.js";
import { doubles, sync, words } from "./views.js";
import { startEngine } from "./wasm.js";

/** This and the words of the header are as in `crates/wasm/src/slots.rs`. */
const [TICK, NEXT, STAMPS, QUEUE, QUEUED, BOUND, DEADLINES] = [0, 1, 2, 3, 4, 5, 6] as const;
/** The last stamp: `LAST_STAMP` of the engine. */
const LAST_STAMP = 2 ** 32 - 2;
/** The uses of an entry that S3-FIFO counts. */
const MOST_USES = 3;

export class Engine {
  /** Calls of these must be followed by `sync`. */
  readonly slots: Slots;
  readonly #header: number;
  readonly #isS3Fifo: boolean;
  /** The latest stamp. */
  #tick = 0;
  /** The table of stamps, in words; under S3-FIFO, of numbers of uses. */
  #stamps = 0;
  /** The head and the end of the queue, in words. */
  #next = 0;
  #end = 0;
  #queue = 0;
  /** Slots of the queue with a later stamp have been used since it was made. */
  #bound = 0;
  /** The table of deadlines, in doubles; 0 while there is none. */
  #deadlines = 0;
  /** Whether an entry has been kept when stale: deadlines are then set by calls. */
  #keepsStale = false;

  constructor(maxEntries: number, maxBytes: number, isS3Fifo: boolean) {
    startEngine();
    this.#isS3Fifo = isS3Fifo;
    this.slots = new Slots(maxEntries, maxBytes, isS3Fifo);
    this.#header = this.slots.header() >>> 2;
    sync();
  }

  /** Marks the entry in a slot as used. */
  use(slot: number): void {
    if (this.#tick === LAST_STAMP) {
      this.refill();
    }
    const at = this.#stamps + slot;
    const tick = ++this.#tick;
    if (!this.#isS3Fifo) {
      words[at] = tick;
    } else {
      const uses = words[at] as number;
      if (uses < MOST_USES) {
        words[at] = uses + 1;
      }
    }
  }

  /**
   * The slot of the least recently used entry, which makes room for an entry with this deadline and counts as used; -1 if the
   * engine has to be called, as S3-FIFO does always. There must be no limit but that on entries, and nothing may have expired.
   */
  replaceOldest(deadline: number): number {
    if (this.#isS3Fifo) {
      return -1;
    }
    for (let isRefilled = false; ; isRefilled = true) {
      const memory = words;
      const end = this.#end;
      for (let next = this.#next; next < end; next++) {
        const slot = memory[next] as number;
        if ((memory[this.#stamps + slot] as number) <= this.#bound) {
          if (!this.postpone(slot, deadline)) {
            this.#next = next;
            return -1;
          }
          this.#next = next + 1;
          this.use(slot);
          return slot;
        }
      }
      this.#next = end;
      if (isRefilled) {
        return -1;
      }
      this.refill();
    }
  }

  /** Sets a deadline that is not earlier than the one of the slot. Returns false if the engine has to be called. */
  postpone(slot: number, deadline: number): boolean {
    if (this.#deadlines === 0) {
      return deadline === Infinity;
    }
    const at = this.#deadlines + slot;
    if (this.#keepsStale || deadline < (doubles[at] as number)) {
      return false;
    }
    doubles[at] = deadline;
    return true;
  }

  refill(): void {
    this.#enter();
    this.slots.refill();
    this.#leave();
  }

  insert(weight: number, deadline: number, now: number, isBack: boolean): number {
    this.#enter();
    const decision = this.slots.insert(weight, deadline, now, isBack);
    this.#leave();
    return decision;
  }

  update(slot: number, weight: number, deadline: number, now: number): number {
    this.#enter();
    const decision = this.slots.update(slot, weight, deadline, now);
    this.#leave();
    return decision;
  }

  /** Returns false if there is no memory. */
  setDeadline(slot: number, deadline: number): boolean {
    if (this.postpone(slot, deadline)) {
      return true;
    }
    this.#enter();
    const isSet = this.slots.set_deadline(slot, deadline);
    this.#leave();
    return isSet;
  }

  keepStale(slot: number, end: number): void {
    this.#keepsStale = true;
    // Without memory for it, the entry leaves when it stops being fresh.
    this.slots.keep_stale(slot, end);
    sync();
  }

  setLimits(maxEntries: number, maxBytes: number, now: number): void {
    this.#enter();
    this.slots.set_limits(maxEntries, maxBytes, now);
    this.#leave();
  }

  clear(): void {
    this.#enter();
    this.slots.clear();
    this.#leave();
    this.#keepsStale = false;
  }

  /** The slots of `entries` entries, from the least to the most recently used. */
  order(entries: number): Uint32Array {
    this.#enter();
    const at = this.slots.order() >>> 2;
    this.#leave();
    if (at === 0 && entries > 0) {
      throw new RangeError("isocache: out of memory while listing the entries");
    }
    const order = words.slice(at, at + entries);
    this.slots.forget_order();
    return order;
  }

  /** A count, by its number in the engine, after what was done here. */
  count(of: number): number {
    this.#enter();
    return this.slots.count(of);
  }

  /** Passes on what was done here. */
  #enter(): void {
    words[this.#header + TICK] = this.#tick;
    words[this.#header + NEXT] = this.#next - this.#queue;
  }

  /** Reads the state that a call has left. */
  #leave(): void {
    sync();
    const word = (at: number) => words[this.#header + at] as number;
    this.#tick = word(TICK);
    this.#stamps = word(STAMPS);
    this.#queue = word(QUEUE);
    this.#next = this.#queue + word(NEXT);
    this.#end = this.#queue + word(QUEUED);
    this.#bound = word(BOUND);
    this.#deadlines = word(DEADLINES);
  }
}
