/**
 * Views of the engine's memory, which are written without a call. Any call of the engine may make its memory grow, after which
 * older views are of no use: `sync` follows every call.
 */

import { words as current } from "./wasm.js";

/** The memory in 32-bit words. */
export let words: Uint32Array = /* @__PURE__ */ new Uint32Array(0);
/** The memory in 64-bit floats. */
export let doubles: Float64Array = /* @__PURE__ */ new Float64Array(0);

export function sync(): void {
  const now = current();
  if (now !== words) {
    words = now;
    doubles = new Float64Array(now.buffer);
  }
}
