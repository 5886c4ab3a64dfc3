/** Lives in milliseconds. */

import { wrongType } from "./check.js";
import type { Ttl } from "./types.js";

const UNITS: Record<string, number> = { ms: 1, s: 1e3, m: 6e4, h: 36e5, d: 864e5 };
const SUSPICIOUS = 30 * 86_400;

let warned = false;

/** A ttl in milliseconds, at least 1; `Infinity` for one that does not end. */
export function milliseconds(ttl: Ttl | null): number {
  if (ttl === null || ttl === Infinity) {
    return Infinity;
  }
  let ms = Number.NaN;
  if (typeof ttl === "number") {
    ms = ttl * 1e3;
    if (ttl > SUSPICIOUS && !warned) {
      warned = true;
      console.warn(
        `isocache: ttl ${ttl} is in seconds, over 30 days; write "${ttl}s" or "${ttl}ms" to say what you mean`,
      );
    }
  } else {
    const parts = typeof ttl === "string" && /^(\d+\.?\d*|\.\d+)(ms|[smhd]?)$/.exec(ttl);
    if (!parts) {
      throw wrongType("ttl", 'a number of seconds or a text like "5m"', ttl);
    }
    ms = Number(parts[1]) * (UNITS[parts[2] || "s"] as number);
  }
  if (!(ms > 0 && ms <= Number.MAX_SAFE_INTEGER)) {
    throw new RangeError(`isocache: ttl ${ttl} is not a positive time; null means for ever`);
  }
  return Math.ceil(ms);
}

/** How long an entry is kept after its ttl, in milliseconds. @throws TypeError where there is no ttl. */
export function staleMilliseconds(staleFor: Ttl | undefined, ttl: number): number {
  if (staleFor === undefined) {
    return 0;
  }
  if (ttl === Infinity) {
    throw new TypeError("isocache: an entry without a ttl never becomes stale; give ttl beside staleFor");
  }
  return milliseconds(staleFor);
}
