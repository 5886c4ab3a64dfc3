/** What happens to the calls of one cached function. */

/** What was counted, in the words of the Rust crate. */
export interface LoadStats {
  /** Calls that were answered with a fresh value from the cache. */
  hits: number;
  /** Loaders that were run, for callers or behind them. */
  loads: number;
  /** Of the loads, those that ran behind callers who had been answered. */
  behind: number;
  /** Of the loads, those that failed or took too long. */
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
  behind = 0;
  failures = 0;
  coalesced = 0;
  stale = 0;
  bypasses = 0;
  loadTime = 0;

  /** The name of the function whose calls are counted. */
  constructor(readonly name?: string) {}

  stats(): LoadStats {
    const { hits, loads, behind, failures, coalesced, stale, bypasses, loadTime } = this;
    const answered = hits + stale;
    const calls = answered + loads - behind + coalesced;
    const hitRate = calls > 0 ? answered / calls : 0;
    return { hits, loads, behind, failures, coalesced, stale, bypasses, loadTime, hitRate };
  }
}
