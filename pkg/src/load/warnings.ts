/** Warns about calls that do not benefit from their cache, once for each function and cause. */

import { quote } from "../check.js";
import type { CacheErrorCode } from "../http/errors.js";
import type { Call } from "./call.js";

/** A function without a hit is reported after this many loads. */
const LOADS = 100;
/** The maximum number of causes remembered for a function, and for all calls without one. */
const MAX_WARNED = 100;

const REMEDIES: Record<CacheErrorCode, string> = {
  connection: "Check its url, and that it runs.",
  timeout: "Check how far away and how busy it is, or raise its timeout.",
  refused: "Check the token, and what it permits.",
  unavailable: "Check its state; it is used again when it serves.",
  full: "Give it more memory, or let it evict entries.",
  protocol: "Check that its url is that of a bridge.",
  deserialize: "Another program or serializer has written the entry: use a namespace, or the same serializer.",
};

/** Warns of a bypassed failure of the provider. */
export function warnOfFailure<V>(call: Call<V>, error: unknown): void {
  const { code, name, message } = (error ?? {}) as { code?: CacheErrorCode; name?: string; message?: string };
  const isKnown = code !== undefined && Object.hasOwn(REMEDIES, code);
  const remedy = isKnown ? REMEDIES[code] : "Check the provider.";
  warn(
    call,
    isKnown ? code : (name ?? typeof error),
    `every call loads, since the cache fails: ${String(message ?? error).replace(/^isocache: /, "")}. ${remedy}`,
    error,
    // A listener of `bypass` gets every failure, so it needs no warning.
    call.events?.has("bypass"),
  );
}

/** Warns of a mistake of the caller that no call rejects with. */
export function warnOfMistake<V>(call: Call<V>, error: unknown): void {
  const cause = error instanceof Error ? error.message.replace(/^isocache: /, "") : String(error);
  warn(call, `mistake: ${cause}`, `a loaded value is not stored: ${cause}`, error);
}

/** Counts a load after a miss, and warns of a function that never has a hit. */
export function countMiss<V>(call: Call<V>): void {
  const { monitor } = call.settings;
  if (++monitor.misses === LOADS && monitor.pattern !== undefined && monitor.hits + monitor.stale === 0) {
    const remedy =
      "Check that equal calls have equal keys, that its ttl is not too short, and its cache not too small.";
    warn(call, "no hits", `there was no hit in ${LOADS} loads. ${remedy}`);
  }
}

function warn<V>(
  { settings, flights, events, key }: Call<V>,
  cause: string,
  what: string,
  error?: unknown,
  isReported = false,
) {
  const { monitor } = settings;
  const isFunction = monitor.pattern !== undefined;
  // Keys that no function made are grouped by the part before the first `:`.
  const pattern = monitor.pattern ?? (key.includes(":") ? `${key.slice(0, key.indexOf(":"))}:*` : key);
  const warned = isFunction ? monitor.warned : flights.warned;
  const id = isFunction ? cause : `${pattern} ${cause}`;
  if (warned.has(id) || warned.size >= MAX_WARNED) {
    return;
  }
  warned.add(id);
  const who = monitor.name ? `${monitor.name} (key ${quote(pattern)})` : `key ${quote(pattern)}`;
  const message = `isocache: ${who}: ${what}`;
  if (events?.has("warning")) {
    events.emit("warning", { key, name: monitor.name, pattern, message, ...(error !== undefined && { error }) });
  } else if (!isReported) {
    console.warn(message);
  }
}
