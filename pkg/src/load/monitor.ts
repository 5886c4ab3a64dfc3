/** What happens to the calls of one cached function. */

/** What was counted, in the words of the Rust crate. */
export interface LoadStats {
  /** Calls that were answered with a fresh value from the cache. */
  hits: number;
  /** Loaders that were run, for callers or in the background. */
  loads: number;
  /** Of the loads, those in the background, after the callers had been answered. */
  background: number;
  /** Of the loads, those that failed or reached their limit. */
  failures: number;
  /** Calls that waited for the load of another call. */
  coalesced: number;
  /** Calls that were answered with a stale value. */
  stale: number;
  /** Operations of the provider that failed, and were passed over. */
  bypasses: number;
  /** The time that all loads took together, in milliseconds. */
  loadTime: number;
  /** The share of the calls that did not wait for a load, from 0 to 1; 0 before the first call. */
  hitRate: number;
}

export class Monitor {
  hits = 0;
  loads = 0;
  background = 0;
  failures = 0;
  coalesced = 0;
  stale = 0;
  bypasses = 0;
  loadTime = 0;
  /** Loads because nothing was found, as opposed to those that were asked for. */
  misses = 0;
  /** The causes that a warning has named. */
  readonly warned = new Set<string>();

  /** The name of the function whose calls are counted, and what its keys look like. */
  constructor(
    readonly name?: string,
    readonly pattern?: string,
  ) {}

  stats(): LoadStats {
    const { hits, loads, background, failures, coalesced, stale, bypasses, loadTime } = this;
    const answered = hits + stale;
    const calls = answered + loads - background + coalesced;
    const hitRate = calls > 0 ? answered / calls : 0;
    return { hits, loads, background, failures, coalesced, stale, bypasses, loadTime, hitRate };
  }
}
