/**
 * What the age of an entry means for a caller, in milliseconds. The rules are those of the Rust crate's `src/load`.
 *
 * An entry is fresh for its ttl, and then kept as stale for the window of its write. The windows of a reader say how much of
 * that the reader tolerates:
 *
 * ```text
 * written            fresh until                 kept until
 *    |------ ttl --------|-- window of the write -----|
 *                        |-- window of a reader --|
 * ```
 */

/** For how long a caller tolerates a stale entry. */
export interface Windows {
  /** While a load runs in the background. */
  whileRevalidate: number;
  /** If the load fails. */
  ifError: number;
  /** About how long before the end of its freshness an entry is worth a load. */
  early: number;
}

/**
 * What to do with an entry. `fresh`: answer it. `early` and `stale`: answer it and load in the background, before or after
 * its ttl. `fallback`: load, and answer the entry if that fails. `expired`: load.
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
 * What to do with an entry that is fresh for `freshFor` more; 0 or less if it is stale. `random` is from 0 to 1.
 *
 * Early loads follow "optimal probabilistic cache stampede prevention" (Vattani, Chierichetti and Lowenstein, 2015): the
 * closer the end, the likelier, so that about one of many callers begins one.
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

/** A ttl, shortened by up to the share `jitter` of it. */
export function jittered(ttl: number, jitter: number, random: number): number {
  return Math.max(Math.ceil(ttl * (1 - jitter * random)), 1);
}
