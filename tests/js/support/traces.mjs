/** Reads the recorded traces and their reference hit counts, which lie outside of the project. */

import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { gunzipSync } from "node:zlib";
import { decompressed } from "../../support/processes.mjs";

const folder = process.env.ISOCACHE_TRACES ?? fileURLToPath(new URL("../../../../shared/traces", import.meta.url));

/** Why the traces cannot be read, or false: what `skip` of a test takes. */
export const missing = existsSync(`${folder}/reference-hits.tsv`)
  ? false
  : `no traces in ${folder}; set ISOCACHE_TRACES to the folder that holds them`;

if (missing) {
  console.warn(`SKIPPED: ${missing}`);
}

/** The keys of a trace, in order. */
export function readTrace(name) {
  const path = `${folder}/${name}`;
  if (name.endsWith(".xz")) {
    const bytes = decompressed(path);
    return Array.from({ length: bytes.length / 4 }, (_, at) => bytes.readInt32LE(at * 4));
  }
  const keys = [];
  for (const line of gunzipSync(readFileSync(path)).toString().split("\n")) {
    const [start, count] = line.trim().split(/\s+/).map(Number);
    for (let at = 0; at < count; at++) {
      keys.push(start + at);
    }
  }
  return keys;
}

/** The rows for one trace: the exact ones of LRU, or those of S3-FIFO with a promotion at the first use. */
export function references(name, policy = "lru") {
  const [wanted, use] = policy === "lru" ? ["LRU", "exact"] : ["S3FIFO1", "band"];
  return readFileSync(`${folder}/reference-hits.tsv`, "utf8")
    .split("\n")
    .map((line) => line.split("\t"))
    .filter((row) => row[0] === name && row[2] === wanted && row[4] === use)
    .map(([, capacity, , , , hits, requests]) => ({
      capacity: Number(capacity),
      hits: Number(hits),
      requests: Number(requests),
    }));
}
