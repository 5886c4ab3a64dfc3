/**
 * One load among several processes: the process that loads holds a lease in the store, and the others wait for its value. The
 * rules are those of the Rust crate's `src/load/lease.rs`.
 */

import type { Command, Reply } from "../http/reply.js";
import { uniqueName } from "../random.js";
import type { Call } from "./call.js";
import { judge } from "./freshness.js";
import { failed, look } from "./lookup.js";
import type { LeaseProvider } from "./options.js";

/** The first and the longest wait between two attempts to get a lease, in milliseconds. */
const FIRST_WAIT = 50;
const LONGEST_WAIT = 250;
/**
 * How many lease ttls a process waits before it loads without a lease: one for a holder that crashed, one for its
 * successor.
 */
const TTLS = 2;

/** Which process loads. */
interface Turn<V> {
  /** The value that another process loaded, and when it was read. If set, there is nothing to load. */
  found?: V;
  read?: number;
  /** Whether another process loads, and no caller of this one waits for it. */
  elsewhere?: boolean;
  /** The stale value that the load replaces. */
  fallback?: V | undefined;
  /** Whether the value is not stored, since the provider has just failed. */
  noStore?: boolean | undefined;
}

/** The lease that a flight holds until its end. */
export interface Holding {
  /** Releases the lease, if it is held. */
  release?: (() => Promise<void>) | undefined;
}

/** The outcome of a flight that left the load to another process. */
export const ELSEWHERE: unique symbol = /* @__PURE__ */ Symbol("elsewhere");

/** A suffix of the key, as in Rust, so that a token that may write an entry may also take its lease. */
const SUFFIX = ":isocache-lease";
/** For servers with scripts: removes a key if its value is this holder, and returns the number of removed keys. */
const RELEASE = "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0";

/** For a provider within one process, whose callers share loads without a lease. */
const ALWAYS: LeaseProvider["lease"] = () => true;

/**
 * How a provider can support leases: with a method, with the commands of an `HttpCache`, or because it is within one process.
 */
interface Leasing {
  lease?: LeaseProvider["lease"] | undefined;
  command?(key: string, make: (whole: string, isBridge: boolean | undefined) => Command): Promise<Reply>;
  ttl?: unknown;
}

/** How leases of a provider are acquired and released; `undefined` if it has none. */
export function leaseOf(provider: Leasing): LeaseProvider["lease"] | undefined {
  if (provider.lease) {
    return provider.lease === ALWAYS ? ALWAYS : provider.lease.bind(provider);
  }
  if (provider.command) {
    return async (key, holder, ttl) => {
      const make = (whole: string, isBridge: boolean | undefined) => {
        // The key has already been checked, and may have the maximum length.
        const name = whole + SUFFIX;
        if (ttl !== null) {
          return ["SET", name, holder, "PX", `${ttl}`, "NX"];
        }
        return isBridge ? ["ISOCACHE.RELEASE", name, holder] : ["EVAL", RELEASE, "1", name, holder];
      };
      return Boolean(await provider.command?.(key, make));
    };
  }
  return provider.ttl ? ALWAYS : undefined;
}

/** @throws TypeError for a provider that cannot hold leases. */
export function checkLease(provider: object): void {
  if (!leaseOf(provider)) {
    throw new TypeError("isocache: lease needs a provider with the method lease");
  }
}

/** The state of a call that waits for a lease. */
interface Known<V> {
  /** The stale value that the load replaces. */
  fallback: V | undefined;
  /** How long the value that callers got stays fresh, in milliseconds. If set, nobody waits. */
  servedFreshFor: number | undefined;
}

/** Waits until this process may load, or there is a value. */
export async function takeTurn<V>(
  call: Call<V>,
  { signal }: Pick<AbortController, "signal">,
  { fallback, servedFreshFor }: Known<V>,
  holding: Holding,
): Promise<Turn<V>> {
  const { provider, key, settings } = call;
  const { windows, lease: ttl = 0 } = settings;
  const lease = leaseOf(provider as object);
  if (lease === undefined || lease === ALWAYS) {
    return { fallback };
  }
  let old = fallback;
  const holder = uniqueName();
  const release = async () => {
    try {
      await lease(key, holder, null);
    } catch {
      // The lease expires by itself. The loaded value is not affected.
      settings.monitor.bypasses++;
    }
  };
  let late = false;
  const limit = setTimeout(
    () => {
      late = true;
    },
    Math.min(ttl * TTLS, 2 ** 31 - 1),
  );
  let held = false;
  try {
    for (let wait = FIRST_WAIT; ; wait = Math.min(wait * 2, LONGEST_WAIT)) {
      try {
        held = await lease(key, holder, ttl);
        holding.release = held ? release : undefined;
      } catch (error) {
        failed(call, error);
        return { fallback: old };
      }
      if (!held && servedFreshFor !== undefined) {
        return { elsewhere: true };
      }
      // Looks up the key even if the lease was acquired: its last holder may have stored a value since the last lookup.
      const read = call.flights.reads();
      const { value, freshFor, failed: isDown } = await look(call);
      const verdict = value === undefined ? "expired" : judge(windows, freshFor, Math.random());
      const isAnswer = verdict !== "expired" && verdict !== "fallback";
      if (isAnswer && (servedFreshFor === undefined || freshFor > servedFreshFor)) {
        // A stale value is only for this call: the options of others may not allow it.
        return { found: value as V, read: freshFor > 0 ? read : 0 };
      }
      old = verdict === "expired" ? undefined : value;
      if (signal.aborted) {
        throw signal.reason;
      }
      if (held || isDown || late) {
        return { fallback: old, noStore: isDown };
      }
      await sleep(wait * (0.5 + Math.random() / 2), signal);
    }
  } finally {
    clearTimeout(limit);
  }
}

/** Rejects with the signal's reason if it is aborted first. */
function sleep(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const abort = () => {
      clearTimeout(timer);
      reject(signal.reason);
    };
    const timer = setTimeout(() => {
      signal.removeEventListener("abort", abort);
      resolve();
    }, milliseconds);
    signal.addEventListener("abort", abort, { once: true });
  });
}
