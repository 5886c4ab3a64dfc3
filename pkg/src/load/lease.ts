/**
 * One loader among processes: who loads holds a lease in the store, and the others wait for what it stores. The rules are
 * those of the Rust crate's `src/load/lease.rs`.
 */

import type { HttpCache } from "../http/http-cache.js";
import { judge } from "./freshness.js";
import type { Call, Found } from "./load.js";
import type { Lease } from "./options.js";
import type { Flight } from "./single-flight.js";

/** The first wait of who does not get a lease before it looks again, and the longest, in milliseconds. */
const FIRST_WAIT = 50;
const LONGEST_WAIT = 250;
/** How many lives of a lease somebody waits before it loads without: that of a holder that died, and of who took over. */
const LIVES = 2;

/** Whose turn it is to load. */
export interface Turn<V> {
  /** What another process has brought; nothing is to be loaded. */
  found?: V;
  /** Whether another process loads, and nobody waits for it. */
  elsewhere?: boolean;
  /** What to answer if the load fails. */
  fallback?: V | undefined;
  /** Whether what comes is not to be stored, since the provider has just failed. */
  unstored?: boolean | undefined;
  /** Gives the lease back. */
  release?: () => Promise<void>;
}

/** What a flight brings that has left the load to another process. */
export const ELSEWHERE: unique symbol = /* @__PURE__ */ Symbol("elsewhere");

/** Goes behind the key, as in Rust: who may write an entry may take its lease, whatever prefixes a token is confined to. */
const SUFFIX = ":isocache-lease";
/** For servers with scripts: removes a key if it holds this holder, and answers how many went. */
const RELEASE = "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0";

/** Of a provider that is of one process, where callers share loads as it is. */
const ALWAYS: Lease = () => true;

/** How leases of a provider are taken and given back; `undefined` if it cannot hold any. */
export function leaseOf(
  provider: Partial<Pick<HttpCache, "command">> & { lease?: Lease | undefined; ttl?: unknown },
): Lease | undefined {
  if (provider.lease) {
    return provider.lease === ALWAYS ? ALWAYS : provider.lease.bind(provider);
  }
  if (provider.command) {
    return async (key, holder, life) => {
      const make = (whole: string, isBridge: boolean | undefined) => {
        // Behind a key that has been checked, and may be as long as keys may be.
        const name = whole + SUFFIX;
        if (life !== null) {
          return ["SET", name, holder, "PX", `${life}`, "NX"];
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

/** What a turn needs from the call that takes it. */
export interface Looking<V> {
  look(): Found<V> | Promise<Found<V>>;
  /** Counts an error of the provider, or throws it. */
  failed(error: unknown): unknown;
  fallback: V | undefined;
  /** What is left of a value that callers were answered with. With one, nobody waits. */
  inHand: number | undefined;
}

/** Waits until it is this process' turn, or there is a value. */
export async function takeTurn<V>(call: Call<V>, { signal }: AbortController, how: Looking<V>): Promise<Turn<V>> {
  const { provider, key, settings } = call;
  const { windows, lease: life = 0 } = settings;
  const { look, failed, inHand } = how;
  let { fallback } = how;
  const lease = leaseOf(provider as object);
  if (lease === undefined || lease === ALWAYS) {
    return { fallback };
  }
  const random = crypto.getRandomValues(new Uint32Array(4));
  const holder = Array.from(random, (part) => part.toString(36)).join("-");
  const release = async () => {
    try {
      await lease(key, holder, null);
    } catch {
      // It ends by itself; what was loaded stands.
      settings.monitor.bypasses++;
    }
  };
  let late = false;
  const limit = setTimeout(
    () => {
      late = true;
    },
    Math.min(life * LIVES, 2 ** 31 - 1),
  );
  let held = false;
  try {
    for (let wait = FIRST_WAIT; ; wait = Math.min(wait * 2, LONGEST_WAIT)) {
      try {
        held = await lease(key, holder, life);
      } catch (error) {
        failed(error);
        return { fallback };
      }
      if (!held && inHand !== undefined) {
        return { elsewhere: true };
      }
      // Also by who has it now: the one before may have stored its value and gone between the last look and this.
      const { value, left, failed: isDown } = await look();
      const verdict = value === undefined ? "expired" : judge(windows, left, Math.random());
      const isAnswer = verdict !== "expired" && verdict !== "fallback";
      if (isAnswer && (inHand === undefined || left > inHand)) {
        if (held) {
          await release();
        }
        return { found: value as V };
      }
      fallback = verdict === "expired" ? undefined : value;
      if (signal.aborted) {
        throw signal.reason;
      }
      if (held || isDown || late) {
        return { fallback, unstored: isDown, ...(held && { release }) };
      }
      await sleep(wait * (0.5 + Math.random() / 2), signal);
    }
  } catch (error) {
    if (held) {
      await release();
    }
    throw error;
  } finally {
    clearTimeout(limit);
  }
}

/** Ends earlier, with its reason, if the signal is aborted. */
function sleep(milliseconds: number, signal: Flight["controller"]["signal"]): Promise<void> {
  return new Promise((resolve, reject) => {
    const left = () => {
      clearTimeout(timer);
      reject(signal.reason);
    };
    const timer = setTimeout(() => {
      signal.removeEventListener("abort", left);
      resolve();
    }, milliseconds);
    signal.addEventListener("abort", left, { once: true });
  });
}
