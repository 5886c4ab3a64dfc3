/**
 * The engine of one cache: the one in wasm, and the work done for it here without a call. A hit stores a stamp in its
 * table; an eviction takes the next slot from its queue. `Tables` in `src/engine/terms.rs` describes the rules.
 */

import { calls, doubles, startEngine, sync, words } from "./wasm.js";

/** The functions of `engine_call`, by the numbers in `crates/wasm/src/slots.rs`, which describes them. */
const INSERT = 0;
const UPDATE = 1;
const REFILL = 2;
const SET_DEADLINE = 3;
const KEEP_STALE = 4;
const EXPIRE = 5;
const DELETE = 6;
const SWEEP = 7;
const SET_LIMITS = 8;
const CLEAR = 9;
const ORDER = 10;
const COUNTS = 11;
/** In a decision of the engine: the slot held an entry that was evicted for the new one. */
export const EVICTED = 2 ** 30;
/** In a decision: remember the key of that entry. */
export const REMEMBER = 2 ** 29;
/** In a decision: no slot, because memory ran out. */
export const REFUSED = 2 ** 29 - 1;
/** In a decision: the bits of the slot. */
export const SLOT = REFUSED;
/** The words of a header, and the double after them, in this order. */
const TICK = 0;
const NEXT = 1;
const STAMPS = 2;
const QUEUE = 3;
const QUEUED = 4;
const BOUND = 5;
const DEADLINES = 6;
const ENDS = 7;
const REMOVALS = 8;
const REMOVED = 9;
const DUE = 5;
const HEADER_WORDS = 12;
/** The last stamp: `LAST_STAMP` of the engine. V8 keeps numbers up to this in a word. */
const LAST_STAMP = 2 ** 30 - 2;
/** The maximum number of uses of an entry that S3-FIFO counts. */
const MOST_USES = 3;

/** The address of the headers of all engines, in words. */
let headers = 0;

/** Frees engines whose cache was garbage-collected. */
const abandoned = /* @__PURE__ */ registry();

function registry(): FinalizationRegistry<number> | undefined {
  return typeof FinalizationRegistry === "function"
    ? new FinalizationRegistry((of) => calls.engine_free(of))
    : undefined;
}

export class Engine {
  /** The number of the engine in wasm. */
  readonly #of: number;
  readonly #isS3Fifo: boolean;
  /** The latest stamp. */
  #tick = 0;
  /** The table of stamps, in words; under S3-FIFO, of numbers of uses. */
  #stamps = 0;
  /** The head and the end of the queue, in words; under S3-FIFO, its next link, and no end. */
  #next = 0;
  #end = 0;
  #queue = 0;
  /** Slots of the queue with a later stamp have been used since it was made. */
  #bound = 0;
  /** The tables of deadlines and of ends, in doubles; 0 if there are none yet. */
  #deadlines = 0;
  #ends = 0;

  constructor(maxEntries: number, maxBytes: number, isS3Fifo: boolean) {
    startEngine();
    this.#isS3Fifo = isS3Fifo;
    this.#of = calls.engine_new(maxEntries, maxBytes, isS3Fifo);
    if (this.#of < 0) {
      throw new RangeError("isocache: out of memory while making a MemoryCache");
    }
    headers = calls.engine_headers() >>> 2;
    abandoned?.register(this, this.#of, this);
    sync();
  }

  /** Frees the engine, which must not be used afterwards. */
  free(): void {
    abandoned?.unregister(this);
    calls.engine_free(this.#of);
    sync();
  }

  /** Marks the entry in a slot as used. */
  use(slot: number): void {
    if (this.#isS3Fifo) {
      this.#count(slot);
    } else {
      this.stamp(slot);
    }
  }

  /** As `use`, under LRU. */
  stamp(slot: number): void {
    if (this.#tick === LAST_STAMP) {
      this.refill();
    }
    words[this.#stamps + slot] = ++this.#tick;
  }

  /** As `use`, under S3-FIFO. */
  #count(slot: number): void {
    if (this.#tick === LAST_STAMP) {
      this.refill();
    }
    this.#tick++;
    const at = this.#stamps + slot;
    const uses = words[at] as number;
    if (uses < MOST_USES) {
      words[at] = uses + 1;
    }
  }

  /**
   * The slot of the entry that is evicted next, which makes room for an entry with this deadline; -1 if the engine must
   * be called. There must be no limit except on entries, nothing may have expired, and the key of the new entry must
   * not be remembered.
   */
  replaceNext(deadline: number): number {
    return this.#isS3Fifo ? this.#replaceUnused(deadline) : this.replaceOldest(deadline);
  }

  /** As `replaceNext`, under S3-FIFO: the oldest entry of the small queue, unless it was used. */
  #replaceUnused(deadline: number): number {
    // The links of a slot are two words, and those of the queue itself come before the first slot.
    const slot = (this.#next - this.#queue) / 2 - 2;
    if (slot < 0 || words[this.#stamps + slot] !== 0 || this.#tick === LAST_STAMP || !this.postpone(slot, deadline)) {
      return -1;
    }
    this.#tick++;
    const newer = words[this.#next + 1] || (words[this.#queue + 1] as number);
    this.#next = this.#queue + 2 * newer;
    return slot;
  }

  /** As `replaceNext`, under LRU: the least recently used entry. */
  replaceOldest(deadline: number): number {
    const memory = words;
    const stamps = this.#stamps;
    const end = this.#end;
    let next = this.#next;
    for (; next < end; next++) {
      const slot = memory[next] as number;
      if ((memory[stamps + slot] as number) <= this.#bound) {
        if (this.#tick === LAST_STAMP || !this.postpone(slot, deadline)) {
          break;
        }
        memory[stamps + slot] = ++this.#tick;
        this.#next = next + 1;
        return slot;
      }
    }
    this.#next = next;
    return -1;
  }

  /** Sets a deadline that is not earlier than that of the slot. Returns false if the engine must be called. */
  postpone(slot: number, deadline: number): boolean {
    if (this.#deadlines === 0) {
      return deadline === Infinity;
    }
    const at = this.#deadlines + slot;
    // If entries are kept when stale, the engine must learn of every deadline.
    if (this.#ends > 0 || deadline < (doubles[at] as number)) {
      return false;
    }
    doubles[at] = deadline;
    return true;
  }

  /** The time at which an entry is no longer fresh, or infinity. */
  deadline(slot: number): number {
    return this.#deadlines > 0 ? (doubles[this.#deadlines + slot] as number) : Infinity;
  }

  /**
   * The time at which an entry is removed, or infinity: its deadline, or later if it is kept when stale. An entry that
   * is removed between the two is removed as expired.
   */
  end(slot: number): number {
    return Math.max(this.deadline(slot), this.#ends > 0 ? (doubles[this.#ends + slot] as number) : -Infinity);
  }

  refill(): void {
    this.#call(REFILL);
  }

  /** The slot for a new entry, with flags. */
  insert(weight: number, deadline: number, now: number, isBack: boolean): number {
    return this.#call(INSERT, Number(isBack), weight, deadline, now);
  }

  /** Returns false if memory runs out. */
  update(slot: number, weight: number, deadline: number, now: number): boolean {
    return this.#call(UPDATE, slot, weight, deadline, now) > 0;
  }

  /** Removes an entry: as expired, or as deleted. */
  remove(slot: number, isExpired: boolean): void {
    this.#call(isExpired ? EXPIRE : DELETE, slot);
  }

  /** Removes expired entries, inspecting at most `budget` candidates. Returns a time before which all others are fresh. */
  sweep(now: number, budget: number): number {
    this.#call(SWEEP, budget, 0, 0, now);
    return doubles[(this.#header >>> 1) + DUE] as number;
  }

  /** Returns false if memory runs out. */
  setDeadline(slot: number, deadline: number): boolean {
    return this.postpone(slot, deadline) || this.#call(SET_DEADLINE, slot, 0, deadline) > 0;
  }

  /** Keeps an entry until `end`. If memory runs out, the entry leaves when it stops being fresh. */
  keepStale(slot: number, end: number): void {
    this.#call(KEEP_STALE, slot, 0, end);
  }

  setLimits(maxEntries: number, maxBytes: number, now: number): void {
    this.#call(SET_LIMITS, maxEntries, maxBytes, 0, now);
  }

  clear(): void {
    this.#call(CLEAR);
  }

  /** Calls `act` for each entry that the last call has removed on its own. */
  removed(act: (slot: number, reason: number, isRemembered: boolean) => void): void {
    const first = words[this.#header + REMOVALS] as number;
    const end = first + 3 * (words[this.#header + REMOVED] as number);
    for (let at = first; at < end; at += 3) {
      act(words[at] as number, words[at + 1] as number, ((words[at + 2] as number) & 1) !== 0);
    }
  }

  /** The slots of `entries` entries, from the least to the most recently used. */
  order(entries: number): Uint32Array {
    const at = this.#call(ORDER) / 4;
    if (at === 0 && entries > 0) {
      throw new RangeError("isocache: out of memory while listing the entries");
    }
    return words.slice(at, at + entries);
  }

  /** A count, by its number in the engine, including the work done here. */
  count(what: number): number {
    return this.#call(COUNTS + what);
  }

  get #header(): number {
    return headers + this.#of * HEADER_WORDS;
  }

  /** Passes on the work done here, makes a call, and reads the resulting state. */
  #call(what: number, slot = 0, a = 0, b = 0, c = 0): number {
    const header = this.#header;
    words[header + TICK] = this.#tick;
    words[header + NEXT] = this.#next - this.#queue;
    const result = calls.engine_call(this.#of, what, slot, a, b, c);
    sync();
    const word = (at: number) => words[header + at] as number;
    this.#tick = word(TICK);
    this.#stamps = word(STAMPS);
    this.#queue = word(QUEUE);
    this.#next = this.#queue + word(NEXT);
    this.#end = this.#queue + word(QUEUED);
    this.#bound = word(BOUND);
    this.#deadlines = word(DEADLINES);
    this.#ends = word(ENDS);
    return result;
  }
}
