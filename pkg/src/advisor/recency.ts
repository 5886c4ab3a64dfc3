/** LRU caches of five sizes at once, as in `src/engine/advisor/recency.rs`: each holds the newest part of one order of use. */

import { CACHES, type Keys, NONE, OUT } from "./keys.js";

export class Recency {
  readonly #keys: Keys;
  #newest = NONE;
  #oldest = NONE;
  #length = 0;
  /** The oldest key of each full cache. */
  readonly #marks = new Uint16Array(CACHES).fill(NONE);
  #sizes: readonly number[] = [];

  constructor(keys: Keys) {
    this.#keys = keys;
  }

  /** Makes a key the newest. Returns its previous level. */
  touch(key: number): number {
    const keys = this.#keys;
    const level = keys.level(key);
    if (this.#newest === key) {
      return level;
    }
    if (level < OUT) {
      for (let at = level; at < CACHES; at++) {
        if (this.#marks[at] === key) {
          this.#marks[at] = keys.newer[key] as number;
        }
      }
      this.#unlink(key);
    }
    keys.older[key] = this.#newest;
    keys.newer[key] = NONE;
    if (this.#newest === NONE) {
      this.#oldest = key;
    } else {
      keys.newer[this.#newest] = key;
    }
    this.#newest = key;
    this.#length++;
    keys.setLevel(key, 0);
    for (let at = 0; at < level; at++) {
      const mark = this.#marks[at] as number;
      if (mark !== NONE) {
        keys.setLevel(mark, at + 1);
        this.#marks[at] = keys.newer[mark] as number;
      } else if (this.#length === this.#sizes[at]) {
        this.#marks[at] = this.#oldest;
      }
    }
    if (level === OUT) {
      this.#trim();
    }
    return level;
  }

  /** Sets the sizes, and removes the keys that must leave. */
  reset(sizes: readonly number[], isGone: (hash: number) => boolean): void {
    const keys = this.#keys;
    this.#sizes = sizes;
    this.#marks.fill(NONE);
    let place = 0;
    for (let key = this.#newest, older = NONE; key !== NONE; key = older) {
      older = keys.older[key] as number;
      if (isGone(keys.hashes[key] as number)) {
        this.#unlink(key);
        keys.setLevel(key, OUT);
        continue;
      }
      place++;
      const level = sizes.findIndex((size) => place <= size);
      keys.setLevel(key, level < 0 ? OUT : level);
      for (const [at, size] of sizes.entries()) {
        if (place === size) {
          this.#marks[at] = key;
        }
      }
    }
    this.#trim();
  }

  #unlink(key: number): void {
    const keys = this.#keys;
    const [newer, older] = [keys.newer[key] as number, keys.older[key] as number];
    if (newer === NONE) {
      this.#newest = older;
    } else {
      keys.older[newer] = older;
    }
    if (older === NONE) {
      this.#oldest = newer;
    } else {
      keys.newer[older] = newer;
    }
    this.#length--;
  }

  /** Removes the keys at the end that no cache holds. */
  #trim(): void {
    while (this.#oldest !== NONE && this.#keys.level(this.#oldest) === OUT) {
      this.#unlink(this.#oldest);
    }
  }
}
