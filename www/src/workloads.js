/**
 * Workloads: what is asked for, one key after the other. A source is a plain object, so that it can be sent to a worker:
 * `{ kind: "zipf" | "scan" | "loop" | "mix", keys, requests, skew, seed }`, or `{ kind: "file", names, ids }`, where the
 * n-th request is for `names[ids[n]]`.
 */

import { FieldError } from "./errors.js";

const LIMITS = {
  keys: { label: "Keys", min: 1, max: 1_000_000, whole: true },
  requests: { label: "Requests", min: 1, max: 50_000_000, whole: true },
  skew: { label: "Skew", min: 0, max: 3, whole: false },
  seed: { label: "Seed", min: 0, max: 2 ** 32 - 1, whole: true },
};

/** What each kind does, for the page, and the settings that it reads besides the number of requests. */
export const KINDS = {
  zipf: {
    title: "Zipf",
    reads: ["keys", "skew", "seed"],
    text: "A few keys are requested often, most of them rarely. The higher the skew, the fewer keys carry the traffic.",
  },
  scan: {
    title: "Scan",
    reads: [],
    text: "Every request is for a new key, as in a backup or a crawl. No key comes twice, so nothing can hit.",
  },
  loop: {
    title: "Loop",
    reads: ["keys"],
    text: "The same keys in the same order, over and over. LRU hits all of them if they fit, and none if they do not.",
  },
  mix: {
    title: "Mix",
    reads: ["keys", "skew", "seed"],
    text: "Zipf traffic, interrupted by scans and by short loops. Watch how each of them moves the hit ratio of its window.",
  },
};

/** Throws a `FieldError` unless all settings that the kind reads are within the limits. */
export function checkWorkload(source) {
  for (const field of ["requests", ...KINDS[source.kind].reads]) {
    const { label, min, max, whole } = LIMITS[field];
    const value = source[field];
    if (!(value >= min && value <= max && (!whole || Number.isInteger(value)))) {
      const range = `${min.toLocaleString("en")} to ${max.toLocaleString("en")}`;
      throw new FieldError(field, `${label} must be a ${whole ? "whole number" : "number"} from ${range}.`);
    }
  }
}

/** The requests of a source: how many, and a function that gives the next key. */
export function requests(source) {
  if (source.kind === "file") {
    const { names, ids } = source;
    let at = 0;
    return { total: ids.length, next: () => names[ids[at++]] };
  }
  return { total: source.requests, next: STREAMS[source.kind](source, generator(source.seed)) };
}

const STREAMS = { zipf, scan, loop, mix };

function zipf({ keys, skew }, random) {
  const upTo = new Float64Array(keys);
  let sum = 0;
  for (let rank = 0; rank < keys; rank++) {
    sum += (rank + 1) ** -skew;
    upTo[rank] = sum;
  }
  const name = naming("key");
  return () => {
    const at = random() * sum;
    let low = 0;
    let high = keys - 1;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (upTo[middle] > at) {
        high = middle;
      } else {
        low = middle + 1;
      }
    }
    return name(low + 1);
  };
}

function scan() {
  let at = 0;
  return () => `scan:${++at}`;
}

function loop({ keys }) {
  const name = naming("loop");
  let at = 0;
  return () => name((at++ % keys) + 1);
}

/** Phases of 1,000 to 5,000 requests: three in five are Zipf, one is a scan, one a loop over a tenth of the keys. */
function mix(settings, random) {
  const popular = zipf(settings, random);
  const phases = [popular, popular, popular, scan(), loop({ keys: Math.ceil(settings.keys / 10) })];
  let next = popular;
  let left = 3000;
  return () => {
    if (left-- === 0) {
      next = phases[Math.floor(random() * phases.length)];
      left = 1000 + Math.floor(random() * 4000);
    }
    return next();
  };
}

/** Names of numbered keys. Each is made once: a stream must not cost more than the cache that it is for. */
function naming(prefix) {
  const names = [];
  return (number) => {
    names[number] ??= `${prefix}:${number}`;
    return names[number];
  };
}

/** Mulberry32: numbers from 0 up to 1, the same for the same seed. */
function generator(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let bits = Math.imul(state ^ (state >>> 15), state | 1);
    bits ^= bits + Math.imul(bits ^ (bits >>> 7), bits | 61);
    return ((bits ^ (bits >>> 14)) >>> 0) / 2 ** 32;
  };
}
