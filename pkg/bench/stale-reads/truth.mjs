// What each key held, and when: what a read is compared with.

/** A key without an entry. */
export const ABSENT = undefined;

export class Truth {
  /** By key, in order: what it held, and when that was known to its writer, in milliseconds. */
  #states = new Map();

  /** A write begins. The returned function is called when it has succeeded; until then its outcome is unknown. */
  write(key, value) {
    const state = { value, since: Infinity };
    const states = this.#states.get(key) ?? [];
    this.#states.set(key, states);
    states.push(state);
    return (now) => {
      state.since = now;
    };
  }

  /** All entries are gone. */
  empty(now) {
    for (const key of this.#states.keys()) {
      this.write(key, ABSENT)(now);
    }
  }

  /**
   * For how long the value had been overwritten or removed when its read began, in milliseconds; 0: it had not. `undefined`:
   * the read has found nothing, although there was an entry.
   */
  staleness(key, value, began) {
    const states = this.#states.get(key) ?? [];
    const at = states.findLastIndex((state) => state.value === value);
    if (at < 0 && value !== ABSENT) {
      throw new Error(`${key} never held ${value}`);
    }
    const later = states.slice(at + 1).map(({ since }) => since);
    const end = Math.min(...later);
    if (end >= began) {
      return 0;
    }
    return value === ABSENT ? undefined : began - end;
  }
}
