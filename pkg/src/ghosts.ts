/**
 * The keys that were evicted early, for a policy that needs to know when one comes back. They stay in the index of the
 * table, with a negative number instead of a slot, so that the lookup that misses has already found them.
 */
export class Ghosts {
  readonly #index: Map<string, number>;
  /** The keys, the oldest first, by -1 - number - `#first`. Those that came back leave a hole. */
  #keys: (string | undefined)[] = [];
  #first = 0;
  /** The number of forgotten keys at the beginning of `#keys`. */
  #forgotten = 0;
  /** The number of ghosts in the index. */
  size = 0;

  constructor(index: Map<string, number>) {
    this.#index = index;
  }

  /**
   * Turns a key in the index into a ghost. `entries` is the number of entries; nine tenths as many ghosts are
   * remembered.
   */
  remember(key: string, entries: number): void {
    const keys = this.#keys;
    this.#index.set(key, -1 - this.#first - keys.length);
    this.size++;
    keys.push(key);
    while (keys.length - this.#forgotten > entries * 0.9) {
      const oldest = keys[this.#forgotten];
      if (oldest !== undefined) {
        this.#index.delete(oldest);
        this.size--;
        keys[this.#forgotten] = undefined;
      }
      this.#forgotten++;
    }
    if (this.#forgotten > entries + 64) {
      this.#keys = keys.slice(this.#forgotten);
      this.#first += this.#forgotten;
      this.#forgotten = 0;
    }
  }

  /** Forgets the ghost with this number: it has come back, and its key has a slot in the index. */
  revive(number: number): void {
    this.#keys[-1 - number - this.#first] = undefined;
    this.size--;
  }

  clear(): void {
    this.#keys = [];
    this.#first = 0;
    this.#forgotten = 0;
    this.size = 0;
  }
}
