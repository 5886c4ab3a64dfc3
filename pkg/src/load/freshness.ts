/**
 * What the age of an entry means for who asks for it, in milliseconds. The same rules as in the Rust crate, whose
 * `src/load/windows.rs` says why; both are held to `tests/vectors/load.json`.
 */

/** How long an entry may be answered after it has become stale. */
export interface Windows {
  /** While a load runs behind. */
  whileRevalidate: number;
  /** If the load fails. */
  ifError: number;
  /** About how long before it becomes stale a load is worth it. */
  early: number;
}

/** What to do with what was found: answer it; answer and load behind, before or after it is stale; load, and answer it if that fails; load. */
export type Verdict = "fresh" | "early" | "stale" | "fallback" | "expired";

const longest = ({ whileRevalidate, ifError }: Windows): number => Math.max(whileRevalidate, ifError);

/** Whether what is left of a life matters at all. */
export function matters(windows: Windows): boolean {
  return longest(windows) > 0 || windows.early > 0;
}

/** What to do with an entry that has `left` to live. `random` is from 0 to 1. */
export function judge(windows: Windows, left: number, random: number): Verdict {
  const fresh = left - longest(windows);
  if (fresh > 0) {
    return fresh <= windows.early * -Math.log(Math.max(random, Number.MIN_VALUE)) ? "early" : "fresh";
  }
  if (-fresh < windows.whileRevalidate) {
    return "stale";
  }
  return -fresh < windows.ifError ? "fallback" : "expired";
}

/** The life to store an entry with that is fresh for `ttl`, shortened by up to the share `jitter` of it. */
export function lifeOf(windows: Windows, ttl: number, jitter: number, random: number): number {
  return Math.max(Math.ceil(ttl * (1 - jitter * random)), 1) + longest(windows);
}
