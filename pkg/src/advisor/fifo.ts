/** An S3-FIFO cache of sampled keys, as in `src/engine/advisor/fifos.rs`. */

import { GHOST, type Keys, MAIN, MOST, NONE, NOWHERE, SMALL } from "./keys.js";

/** A queue of keys, each of which links to the next. */
interface Queue {
  oldest: number;
  newest: number;
  length: number;
}

const empty = (): Queue => ({ oldest: NONE, newest: NONE, length: 0 });

export class Fifo {
  readonly #keys: Keys;
  readonly #cache: number;
  /** The position at which this cache begins in `next`. */
  readonly #at: number;
  #size = 0;
  #small = empty();
  #main = empty();
  /** The number of the latest ghost. */
  #ghosts = 0;

  constructor(keys: Keys, cache: number) {
    this.#keys = keys;
    this.#cache = cache;
    this.#at = cache * MOST;
  }

  get #length(): number {
    return this.#small.length + this.#main.length;
  }

  /** Stores a key that this cache does not hold. */
  insert(key: number): void {
    const isBack = this.#keys.place(key, this.#cache) === GHOST && this.#remembers(key);
    this.#evict(Math.max(this.#size - 1, 0));
    this.#push(isBack ? this.#main : this.#small, key);
    this.#keys.setPlace(key, this.#cache, isBack ? MAIN : SMALL, 0);
  }

  #push(queue: Queue, key: number): void {
    const { next } = this.#keys;
    next[this.#at + key] = NONE;
    if (queue.newest === NONE) {
      queue.oldest = key;
    } else {
      next[this.#at + queue.newest] = key;
    }
    queue.newest = key;
    queue.length++;
  }

  #pop(queue: Queue): number {
    const key = queue.oldest;
    queue.oldest = this.#keys.next[this.#at + key] as number;
    if (queue.oldest === NONE) {
      queue.newest = NONE;
    }
    queue.length--;
    return key;
  }

  #evict(most: number): void {
    const keys = this.#keys;
    while (this.#length > most) {
      const fromSmall = this.#small.length > 0 && this.#small.length * 10 >= this.#length;
      const key = this.#pop(fromSmall ? this.#small : this.#main);
      const uses = keys.uses(key, this.#cache);
      if (uses > 0) {
        this.#push(this.#main, key);
        keys.setPlace(key, this.#cache, MAIN, fromSmall ? 0 : uses - 1);
      } else if (fromSmall) {
        this.#ghosts = (this.#ghosts + 1) & 0xffff;
        keys.next[this.#at + key] = this.#ghosts;
        keys.setPlace(key, this.#cache, GHOST, 0);
      } else {
        keys.setPlace(key, this.#cache, NOWHERE, 0);
      }
    }
  }

  #age(key: number): number {
    return (this.#ghosts - (this.#keys.next[this.#at + key] as number)) & 0xffff;
  }

  /** Whether a ghost is among the latest ones, which number nine tenths of the entries. */
  #remembers(key: number): boolean {
    return this.#age(key) < Math.floor((this.#length * 9) / 10);
  }

  /** Forgets a key that is a ghost but no longer remembered. */
  forget(key: number): void {
    if (this.#keys.place(key, this.#cache) === GHOST && !this.#remembers(key)) {
      this.#keys.setPlace(key, this.#cache, NOWHERE, 0);
    }
  }

  /** Sets the size, and removes the keys that must leave. */
  reset(size: number, isGone: (hash: number) => boolean): void {
    const keys = this.#keys;
    const queues = [this.#small, this.#main];
    this.#size = size;
    this.#small = empty();
    this.#main = empty();
    for (const old of queues) {
      while (old.oldest !== NONE) {
        const key = this.#pop(old);
        if (isGone(keys.hashes[key] as number)) {
          keys.setPlace(key, this.#cache, NOWHERE, 0);
        } else {
          this.#push(keys.place(key, this.#cache) === SMALL ? this.#small : this.#main, key);
        }
      }
    }
    this.#evict(size);
  }

  /** Removes a ghost that must leave. The others become younger, in proportion to the ghosts that are left. */
  thin(key: number, isGone: boolean, share: number): void {
    if (this.#keys.place(key, this.#cache) !== GHOST) {
      return;
    }
    if (isGone) {
      this.#keys.setPlace(key, this.#cache, NOWHERE, 0);
    } else {
      this.#keys.next[this.#at + key] = (this.#ghosts - Math.round(this.#age(key) * share)) & 0xffff;
    }
  }
}
