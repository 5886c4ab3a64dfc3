// Bytes for each entry: the heap, what V8 counts as external, and the memory of wasm, after a collection of garbage.
// Started by itself with --expose-gc, it measures one peer; else it is the list of all.

import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { PEERS } from "./peers.mjs";
import { keyOf } from "./streams.mjs";

const SELF = fileURLToPath(import.meta.url);
/** Entries in all caches of a size together, so that what is taken in large steps evens out. */
const TOTAL = 400_000;

/** Bytes per entry of every peer, null for who has no ttl. */
export function memory(entries, ttl) {
  return PEERS.map((peer, at) => {
    if (ttl && !peer.hasTtl) {
      return null;
    }
    const job = JSON.stringify({ peer: at, entries, ttl });
    return JSON.parse(execFileSync(process.execPath, ["--expose-gc", SELF, job], { encoding: "utf8" }));
  });
}

async function measure({ peer, entries, ttl }) {
  // The package shows its wasm memory to nobody.
  const memories = [];
  const { Instance } = WebAssembly;
  WebAssembly.Instance = class extends Instance {
    constructor(...args) {
      super(...args);
      memories.push(...Object.values(this.exports).filter((value) => value instanceof WebAssembly.Memory));
    }
  };
  const make = await PEERS[peer].make();
  const fill = (cache, from) => {
    for (let id = from; id < from + entries; id++) {
      cache.set(keyOf(id, "key:", 16), id & 0xffff);
    }
    return cache;
  };
  const used = async () => {
    for (let turn = 0; turn < 4; turn++) {
      globalThis.gc();
      // Memory that is freed in the background is counted in the next turn.
      await new Promise((resolve) => setImmediate(resolve));
    }
    const { heapUsed, external } = process.memoryUsage();
    const wasm = memories.reduce((sum, memory) => sum + memory.buffer.byteLength, 0);
    return { heap: heapUsed, external, wasm };
  };
  const options = { entries, ttl: ttl ? 3_600_000 : undefined };
  // V8's external memory has wasm's in it or not, depending on the version.
  const { external } = await used();
  const probe = new WebAssembly.Memory({ initial: 160 });
  const wasmIsExternal = (await used()).external - external > probe.buffer.byteLength / 2;
  // Whatever is made once, for all caches.
  const first = make(options);
  const fixedWasm = (await used()).wasm;
  fill(first, 0);
  const count = TOTAL / entries;
  const caches = new Array(count);
  const before = await used();
  for (let at = 0; at < count; at++) {
    caches[at] = fill(make(options), at * entries);
  }
  const after = await used();
  const held = caches.reduce((sum, cache) => sum + (cache.size === entries ? 1 : 0), 0);
  if (held !== count) {
    throw new Error(`${PEERS[peer].name} does not hold what it was given`);
  }
  const each = (of) => (after[of] - before[of]) / TOTAL;
  const wasm = each("wasm");
  return { heap: each("heap"), external: each("external") - (wasmIsExternal ? wasm : 0), wasm, fixedWasm };
}

if (process.argv[1] === SELF) {
  process.stdout.write(JSON.stringify(await measure(JSON.parse(process.argv[2]))));
}
