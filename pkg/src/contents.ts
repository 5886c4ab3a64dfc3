/** The keys and values of a table by slot number, the index that finds them, and the record of removals. */

import { Ghosts } from "./ghosts.js";
import type { Removal, RemovalReason } from "./types.js";

export class Contents<V> {
  /** The slot of each key. */
  readonly index = new Map<string, number>();
  readonly keys: (string | undefined)[] = [];
  readonly values: (V | undefined)[] = [];
  /** While an advisor samples, for the first slots: 1 if it is known not to sample the key. */
  unsampled: Uint8Array | undefined;
  /** The removals since this was last emptied, if they are recorded. */
  left: Removal<V>[] = [];

  /**
   * @param isRecorded - whether removals are recorded in `left`.
   * @param ghosts - for a policy that remembers keys.
   */
  constructor(
    readonly isRecorded: boolean,
    public ghosts: Ghosts | undefined,
  ) {}

  /** The number of entries: fresh, stale, and expired ones that have not been swept. */
  get size(): number {
    return this.index.size;
  }

  value(slot: number): V {
    return this.values[slot] as V;
  }

  /** Whether `slot` still holds `key`. */
  holds(key: string, slot: number): boolean {
    return this.index.get(key) === slot;
  }

  /** Puts an entry into an empty slot, or one that `leave` has freed. */
  put(slot: number, key: string, value: V): void {
    this.index.set(key, slot);
    this.keys[slot] = key;
    this.values[slot] = value;
    this.unmark(slot);
  }

  /** Records that a slot has another key. */
  unmark(slot: number): void {
    if (this.unsampled !== undefined) {
      this.unsampled[slot] = 0;
    }
  }

  /** Puts another value into a slot. The old one is recorded before the removals from number `at` on. */
  replace(slot: number, key: string, value: V, at: number): void {
    const old = this.value(slot);
    this.values[slot] = value;
    if (this.isRecorded && old !== value) {
      this.left.splice(at, 0, { key, value: old, reason: "replaced" });
    }
  }

  /** Records the removal of an entry. */
  record(key: string, slot: number, reason: RemovalReason): void {
    if (this.isRecorded) {
      this.left.push({ key, value: this.value(slot), reason });
    }
  }

  /** Removes an entry from the index. Its slot is for the next entry. */
  leave(slot: number, reason: RemovalReason, isRemembered: boolean): void {
    const key = this.keys[slot] as string;
    this.record(key, slot, reason);
    if (isRemembered) {
      this.ghosts?.remember(slot, this.size);
    }
    this.index.delete(key);
  }

  /** Removes an entry, and leaves its slot free. */
  forget(slot: number, reason: RemovalReason, isRemembered = false): void {
    this.leave(slot, reason, isRemembered);
    this.keys[slot] = undefined;
    this.values[slot] = undefined;
  }

  /** Removes every entry without a record. */
  empty(): void {
    this.index.clear();
    this.ghosts &&= new Ghosts();
    this.keys.length = 0;
    this.values.length = 0;
  }
}
