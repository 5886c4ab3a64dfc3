/** The wasm instance: how it starts, and views of its memory. */

import { initSync } from "./glue.js";

let memory: WebAssembly.Memory | undefined;

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
  if (typeof WebAssembly !== "object") {
    throw new Error(
      "isocache: this environment has no WebAssembly (iOS in Lockdown Mode, a browser with it switched off); only isocache/http works here",
    );
  }
  try {
    memory = initSync({ module }).memory;
  } catch (error) {
    if (error instanceof WebAssembly.CompileError) {
      throw new Error(
        "isocache: this page's Content-Security-Policy forbids WebAssembly; add 'wasm-unsafe-eval' to its script-src",
        { cause: error },
      );
    }
    if (error instanceof RangeError) {
      throw new Error(
        "isocache: this browser does not compile WebAssembly on the main thread (Chrome before version 115); import isocache in a worker, or isocache/http, or ask for a newer browser",
        { cause: error },
      );
    }
    throw error;
  }
}
