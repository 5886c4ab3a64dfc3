/**
 * The hashes of keys that were evicted early, for a policy that must recognize them when they return. The keys are
 * numbered, and only the latest are remembered: at most nine tenths of the number of entries.
 *
 * Keys whose hashes have the same last bits form a list, with the newest first. Forgotten keys are therefore at the ends
 * of the lists, and need not be removed.
 */

/** The highest number of a key. V8 keeps integers up to this in a word. */
const LAST = 2 ** 30 - 1;
/** A hash that no key has. */
const BACK = -1;
/** The maximum number of keys inspected in a list. Only deliberately chosen keys make lists longer. */
const MOST_ALIKE = 64;

export class Ghosts {
  /** The hashes of the entries, by slot. */
  #entries = new Int32Array(64);
  /** By the last bits of the number: the hash, and the number of the next older key in its list. */
  #hashes!: Int32Array;
  #older!: Int32Array;
  /** By the last bits of the hash: the number of the newest key. */
  #newest!: Int32Array;
  #mask!: number;
  #latest!: number;
  /** Keys with numbers up to this are forgotten. */
  #forgotten!: number;

  constructor() {
    this.#begin(0);
  }

  /** Returns whether a key was remembered, and forgets it. */
  take(hash: number): boolean {
    const mask = this.#mask;
    let at = this.#newest[hash & mask] as number;
    for (let left = MOST_ALIKE; at > this.#forgotten && left > 0; left--) {
      if (this.#hashes[at & mask] === hash) {
        this.#hashes[at & mask] = BACK;
        return true;
      }
      at = this.#older[at & mask] as number;
    }
    return false;
  }

  /** Sets the hash of the key in a slot. */
  enter(slot: number, hash: number): void {
    if (slot >= this.#entries.length) {
      const larger = new Int32Array(2 * slot);
      larger.set(this.#entries);
      this.#entries = larger;
    }
    this.#entries[slot] = hash;
  }

  /** Remembers the key in a slot; `entries` is the number of entries. */
  remember(slot: number, entries: number): void {
    const most = ((entries * 9) / 10) | 0;
    if (most > this.#mask || this.#latest === LAST) {
      this.#begin(most);
    }
    const mask = this.#mask;
    const hash = this.#entries[slot] as number;
    const number = ++this.#latest;
    this.#hashes[number & mask] = hash;
    this.#older[number & mask] = this.#newest[hash & mask] as number;
    this.#newest[hash & mask] = number;
    // Forgotten keys stay forgotten when the number of entries grows.
    this.#forgotten = Math.max(this.#forgotten, number - most);
  }

  /** Makes room for `most` keys, and forgets the current ones: caches rarely grow. */
  #begin(most: number): void {
    let size = 1;
    while (size <= most) {
      size *= 2;
    }
    this.#hashes = new Int32Array(size);
    this.#older = new Int32Array(size);
    this.#newest = new Int32Array(size);
    this.#mask = size - 1;
    this.#latest = this.#forgotten = 0;
  }
}

/** A hash of a key, from 0 to 2^30 - 1. Its two halves are independent, so a processor calculates them in parallel. */
export function hashOf(key: string): number {
  const { length } = key;
  let hash = length;
  let other = 0x9747b28c;
  let at = 1;
  for (; at < length; at += 2) {
    hash = Math.imul(hash ^ key.charCodeAt(at - 1), 0x01000193);
    other = Math.imul(other ^ key.charCodeAt(at), 0x5bd1e995);
  }
  if (at === length) {
    hash = Math.imul(hash ^ key.charCodeAt(at - 1), 0x01000193);
  }
  hash ^= Math.imul(other, 0x85ebca6b);
  return (hash ^ (hash >>> 15)) & 0x3fffffff;
}
