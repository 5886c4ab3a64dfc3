/** Converts times given by callers to milliseconds. */

import { quote, wrongType } from "./check.js";
import { systemNow } from "./clock.js";
import type { SetOptions, Ttl } from "./types.js";

const UNITS: Record<string, number> = { ms: 1, s: 1e3, m: 6e4, h: 36e5, d: 864e5 };
/** A bare number of more than a day, in seconds, was probably meant as milliseconds. */
const DAY = 86_400;

let warned = false;

/** A ttl in milliseconds, at least 1; `Infinity` for no end. `name` is its name in errors. */
export function milliseconds(ttl: Ttl | null, name = "ttl"): number {
  if (ttl === null || ttl === Infinity) {
    return Infinity;
  }
  let ms: number;
  if (typeof ttl === "number") {
    ms = ttl * 1e3;
    if (ttl > DAY && !warned) {
      warned = true;
      warn(ttl, name);
    }
  } else {
    const parts = typeof ttl === "string" && /^(\d+\.?\d*|\.\d+)(ms|[smhd]?)$/.exec(ttl);
    if (!parts) {
      throw wrongType(name, `a number of seconds or one number with a unit (ms, s, m, h, d), as "90m"`, ttl);
    }
    ms = Number(parts[1]) * (UNITS[parts[2] || "s"] as number);
  }
  if (!(ms > 0 && ms <= Number.MAX_SAFE_INTEGER)) {
    // `quote` writes NaN as null.
    const given = typeof ttl === "number" ? ttl : quote(ttl);
    const remedy = name === "ttl" ? "; for no expiry use null, to remove an entry use delete" : "";
    throw new RangeError(`isocache: ${name} must be ${ms > 0 ? "shorter" : "greater than 0"}, not ${given}${remedy}`);
  }
  // 57 milliseconds are 57.00000000000001 as a product of 0.057 and 1000, and not 58.
  return Math.ceil(ms * (1 - Number.EPSILON));
}

/** The smallest number taken for a time in milliseconds: in 1973. The same number of seconds would be in 5138. */
const LEAST_TIME = 1e11;

/**
 * The ttl that a write requests, in milliseconds; `fallback` if it requests none, 0 if the entry has already expired.
 */
export function ttlOf<F extends number | undefined>({ ttl, expiresAt }: SetOptions, fallback: F): number | F {
  if (expiresAt === undefined || expiresAt === null) {
    return ttl === undefined ? fallback : milliseconds(ttl);
  }
  if (ttl !== undefined) {
    throw new TypeError("isocache: ttl and expiresAt exclude each other; give one of them");
  }
  const at = Number(expiresAt);
  if (Number.isNaN(at) || !(typeof expiresAt === "number" || expiresAt instanceof Date)) {
    throw wrongType("expiresAt", "a Date or a number of milliseconds since 1970", expiresAt);
  }
  if (typeof expiresAt === "number" && at < LEAST_TIME) {
    throw new RangeError(`isocache: expiresAt must be in milliseconds since 1970, not ${at}; multiply seconds by 1000`);
  }
  return Math.max(Math.ceil(at - systemNow()), 0);
}

function warn(ttl: number, name: string): void {
  // The first line in another folder than this file is the caller's, whatever the form of the engine's stack.
  const [own = "", ...lines] = (new Error().stack ?? "").split("\n").filter((line) => /:\d+/.test(line));
  const folder = /(\w+:\/\/|\/).*\//.exec(own)?.[0] ?? "";
  const site = lines.find((line) => !line.includes(folder)) ?? lines.at(-1) ?? "";
  console.warn(
    `isocache: ${name} ${ttl} is in seconds, more than a day; if milliseconds were meant write "${ttl}ms", if not "${ttl}s"; ${site.trim()}`,
  );
}
