/** The statistics of one cached function. */

/** The counts, with the same names as in the Rust crate. */
export interface LoadStats {
  /** Calls that returned a fresh value from the cache. */
  hits: number;
  /** Runs of loaders, for callers or in the background. */
  loads: number;
  /** Loads that ran in the background, after the callers had a value. Included in `loads`. */
  background: number;
  /** Loads that failed or reached their time limit. Included in `loads`. */
  failures: number;
  /** Calls that waited for the load of another call. */
  coalesced: number;
  /** Calls that returned a stale value. */
  stale: number;
  /** Operations of the provider that failed and were bypassed. */
  bypasses: number;
  /** The total time of all loads, in milliseconds. */
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
  /** Loads after a miss, as opposed to forced ones. */
  misses = 0;
  /** The causes of warnings so far. */
  readonly warned = new Set<string>();

  /** Takes the name of the function whose calls are counted, and the pattern of its keys. */
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
