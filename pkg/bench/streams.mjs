// Keys and their order of access, made before anything is timed, and the same for all.

import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** A pseudo-random generator, mulberry32: numbers from 0 to below 1. */
export function random(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** A key of so many characters. By way of bytes, because a text put together by `+` is a tree until it is read. */
export function keyOf(id, prefix = "k", length = 12) {
  return Buffer.from(prefix + String(id).padStart(length - prefix.length, "0"), "latin1").toString("latin1");
}

/** `count` keys. */
export function keys(count, prefix) {
  return Array.from({ length: count }, (_, id) => keyOf(id, prefix));
}

/** `length` keys of `of`, each as likely. */
export function uniform(of, length) {
  const next = random(1);
  return Array.from({ length }, () => of[Math.floor(next() * of.length)]);
}

/** `length` keys of `of`, the one of rank r as likely as 1 / r^0.9. */
export function zipf(of, length) {
  const sums = new Float64Array(of.length);
  let sum = 0;
  for (let rank = 1; rank <= of.length; rank++) {
    sum += rank ** -0.9;
    sums[rank - 1] = sum;
  }
  const next = random(2);
  return Array.from({ length }, () => {
    const at = next() * sum;
    let low = 0;
    let high = of.length - 1;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (sums[middle] > at) {
        high = middle;
      } else {
        low = middle + 1;
      }
    }
    return of[low];
  });
}

/** Where a recorded trace is kept, such as `web07`, the requests of a product page; or why it cannot be read. */
export function recorded(name) {
  const folder = process.env.ISOCACHE_TRACES ?? fileURLToPath(new URL("../../../shared/traces", import.meta.url));
  const path = join(folder, `${name}.trace.xz`);
  if (!existsSync(path)) {
    return { missing: `no ${name}.trace.xz (set ISOCACHE_TRACES to its folder)` };
  }
  try {
    execFileSync("xz", ["--version"], { stdio: "ignore" });
  } catch {
    return { missing: "no program xz to unpack the trace with (Debian: apt-get install xz-utils)" };
  }
  return { path };
}

/** The keys of a trace of 32-bit numbers, in the order of access. */
export function trace(path) {
  const bytes = execFileSync("xz", ["-dc", path], { maxBuffer: 2 ** 28 });
  const made = new Map();
  return Array.from({ length: bytes.length / 4 }, (_, at) => {
    const id = bytes.readUInt32BE(4 * at);
    const key = made.get(id) ?? keyOf(id);
    made.set(id, key);
    return key;
  });
}
