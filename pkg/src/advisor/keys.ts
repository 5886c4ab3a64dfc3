/** The sampled keys, in tables whose size never changes, as in `src/engine/advisor/keys.rs`. */

/** The number of simulated caches for each policy: one for each of the sizes. */
export const CACHES = 5;
/** The maximum number of sampled keys. With the buckets they take less than 64 KiB. */
export const MOST = 2480;
const BUCKETS = 2048;
/** No key. */
export const NONE = 0xffff;
/** The level of a key that none of the simulated LRU caches holds. */
export const OUT = CACHES;
/** The position of a key in an S3-FIFO cache. */
export const NOWHERE = 0;
export const SMALL = 1;
export const MAIN = 2;
export const GHOST = 3;
/** The lowest bit of each S3-FIFO cache in the state of a key. */
const ONES = 0x11111;
const LEVEL = 20;
/** `OUT << LEVEL`; bundlers keep what is calculated, even where nothing uses it. */
const BLANK = 0x500000;

export class Keys {
  readonly hashes = new Uint32Array(MOST);
  /** Four bits for each S3-FIFO cache, and the level in the order of use. */
  readonly #states = new Uint32Array(MOST);
  /** The next key of its bucket, or the next free one. */
  readonly #chain = Uint16Array.from({ length: MOST }, (_, key) => (key + 1 < MOST ? key + 1 : NONE));
  readonly #buckets = new Uint16Array(BUCKETS).fill(NONE);
  readonly newer = new Uint16Array(MOST);
  readonly older = new Uint16Array(MOST);
  /** By S3-FIFO cache and key: the next key of its queue, or its number if it is a ghost. */
  readonly next = new Uint16Array(CACHES * MOST);
  /** The first free key. */
  #free = 0;

  get isFull(): boolean {
    return this.#free === NONE;
  }

  level(key: number): number {
    return (this.#states[key] as number) >>> LEVEL;
  }

  setLevel(key: number, level: number): void {
    this.#states[key] = ((this.#states[key] as number) & 0xfffff) | (level << LEVEL);
  }

  place(key: number, cache: number): number {
    return ((this.#states[key] as number) >>> (4 * cache + 2)) & 3;
  }

  uses(key: number, cache: number): number {
    return ((this.#states[key] as number) >>> (4 * cache)) & 3;
  }

  setPlace(key: number, cache: number, place: number, uses: number): void {
    const bits = (place << 2) | uses;
    this.#states[key] = ((this.#states[key] as number) & ~(15 << (4 * cache))) | (bits << (4 * cache));
  }

  /** Counts a use in each S3-FIFO cache that holds the key, up to three. Returns the caches, a bit for each. */
  countUse(key: number): number {
    const state = this.#states[key] as number;
    const held = ((state >>> 2) ^ (state >>> 3)) & ONES;
    this.#states[key] = state + (held & ~(state & (state >>> 1)));
    return (held & 1) | ((held >>> 3) & 2) | ((held >>> 6) & 4) | ((held >>> 9) & 8) | ((held >>> 12) & 16);
  }

  find(hash: number, mix: number): number {
    let key = this.#buckets[mix % BUCKETS] as number;
    while (key !== NONE && this.hashes[key] !== hash) {
      key = this.#chain[key] as number;
    }
    return key;
  }

  /** Takes a free key, which is in no cache. */
  take(hash: number, mix: number): number {
    const key = this.#free;
    this.#free = this.#chain[key] as number;
    this.hashes[key] = hash;
    this.#states[key] = BLANK;
    this.#chain[key] = this.#buckets[mix % BUCKETS] as number;
    this.#buckets[mix % BUCKETS] = key;
    return key;
  }

  /** Calls `visit` with every key in use. */
  visit(visit: (key: number) => void): void {
    for (let key of this.#buckets) {
      for (; key !== NONE; key = this.#chain[key] as number) {
        visit(key);
      }
    }
  }

  /** Frees the keys that no cache holds or remembers, and returns their number. */
  sweep(): number {
    let freed = 0;
    this.#buckets.forEach((first, at) => {
      let before = NONE;
      for (let key = first, next = NONE; key !== NONE; key = next) {
        next = this.#chain[key] as number;
        if (this.#states[key] !== BLANK) {
          before = key;
          continue;
        }
        if (before === NONE) {
          this.#buckets[at] = next;
        } else {
          this.#chain[before] = next;
        }
        this.#chain[key] = this.#free;
        this.#free = key;
        freed++;
      }
    });
    return freed;
  }
}
