/** The wasm instance: how it starts, and views of its memory. */

import { initSync, transfer } from "./glue.js";

let memory: WebAssembly.Memory | undefined;

/** Where a log goes for the next call, in words. */
export let logAt = 0;

let view = new Uint32Array(0);

/** The memory of the wasm instance in 32-bit words, as it is now: a call into wasm may make it another. */
export function words(): Uint32Array {
  // The view of a memory that has grown is empty.
  if (view.length === 0 && memory !== undefined) {
    view = new Uint32Array(memory.buffer);
  }
  return view;
}

/** Starts the instance, once. */
export function start(module: WebAssembly.Module | Uint8Array): void {
  try {
    memory = initSync({ module }).memory;
    logAt = transfer() >>> 2;
  } catch (error) {
    if (error instanceof WebAssembly.CompileError) {
      throw new Error(
        "isocache: this page's Content-Security-Policy forbids WebAssembly; add 'wasm-unsafe-eval' to its script-src",
        { cause: error },
      );
    }
    throw error;
  }
}
