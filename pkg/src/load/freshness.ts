/**
 * How the age of an entry, in milliseconds, determines what a caller does. The rules are those of the Rust crate's
 * `src/load`.
 *
 * An entry is fresh for its ttl, and then stale for the window of its write. A reader's own windows limit how much of
 * that it accepts:
 *
 * ```text
 * written            fresh until                 kept until
 *    |------ ttl --------|-- window of the write -----|
 *                        |-- window of a reader --|
 * ```
 */

/** How long a caller accepts a stale entry. */
export interface Windows {
  /** While a load runs in the background. */
  whileRevalidate: number;
  /** If the load fails. */
  ifError: number;
  /** About how long before its ttl passes a fresh entry may be reloaded. */
  early: number;
}

/**
 * The action for an entry. `fresh`: return it. `early` and `stale`: return it and load in the background, before or after its
 * ttl has passed. `fallback`: load, and return the entry if that fails. `expired`: load.
 */
type Verdict = "fresh" | "early" | "stale" | "fallback" | "expired";

/** How long a write with these windows keeps its entry after its ttl. */
export function staleFor({ whileRevalidate, ifError }: Windows): number {
  return Math.max(whileRevalidate, ifError);
}

/** Whether the age of an entry matters at all. */
export function matters(windows: Windows): boolean {
  return staleFor(windows) > 0 || windows.early > 0;
}

/**
 * The action for an entry that remains fresh for `freshFor`: 0 or less if it is stale. `random` is from 0 to 1.
 *
 * Early loads implement "optimal probabilistic cache stampede prevention" (Vattani, Chierichetti and Lowenstein, 2015): the
 * closer the end of the ttl, the more likely a load, so that about one of many callers starts one.
 */
export function judge(windows: Windows, freshFor: number, random: number): Verdict {
  if (freshFor > 0) {
    return freshFor <= windows.early * -Math.log(Math.max(random, Number.MIN_VALUE)) ? "early" : "fresh";
  }
  if (-freshFor < windows.whileRevalidate) {
    return "stale";
  }
  return -freshFor < windows.ifError ? "fallback" : "expired";
}

/** A ttl, shortened by a random fraction of at most `jitter`. */
export function jittered(ttl: number, jitter: number, random: number): number {
  return Math.max(Math.ceil(ttl * (1 - jitter * random)), 1);
}
