/** A small generator of repeatable random numbers (mulberry32): the same seed gives the same stream everywhere. */
export function random(seed) {
  let state = seed >>> 0;
  /** A whole number from 0 up to, but not including, `limit`. */
  return (limit) => {
    if (!(limit > 0)) {
      throw new RangeError(`a random number below ${limit}`);
    }
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * limit);
  };
}
