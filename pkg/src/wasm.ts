/**
 * The engines of all caches, which run in one WebAssembly or its translation: how they start, their functions, and
 * views of their memory.
 */

import { forms } from "./forms/forms.js";
import type { EngineForm } from "./types.js";

/**
 * The functions of `crates/wasm`, which describes them. `of` is the number of an engine. Returned addresses are signed.
 */
interface Calls {
  readonly engine_memory: { readonly buffer: ArrayBuffer };
  engine_new(maxEntries: number, maxWeight: number, isS3Fifo: boolean): number;
  engine_free(of: number): void;
  engine_headers(): number;
  engine_call(of: number, what: number, slot: number, a: number, b: number, c: number): number;
  engine_text(length: number): number;
  engine_matches(pattern: number, key: number): number;
}

/** Set once the engine runs. Calls that may allocate must be followed by `sync`. */
export let calls: Calls;
let running: EngineForm | undefined;
/** The memory that the views show. */
let viewed: ArrayBuffer | undefined;

/** The memory as 32-bit words, which are read and written without a call. */
export let words: Uint32Array = /* @__PURE__ */ new Uint32Array(0);
/** The memory as 64-bit floats. */
export let doubles: Float64Array = /* @__PURE__ */ new Float64Array(0);

/** Updates the views to the current memory: a memory that has grown has another buffer. */
export function sync(): void {
  // WebAssembly detaches the views of a memory that grows, which is faster to check than its buffer. JavaScript leaves
  // them on memory that is no longer used.
  if (words.length === 0 || (running === "js" && viewed !== calls.engine_memory.buffer)) {
    viewed = calls.engine_memory.buffer;
    words = new Uint32Array(viewed);
    doubles = new Float64Array(viewed);
  }
}

/** Starts the engine unless it is running, and returns its form. */
export function startEngine(): EngineForm {
  running ??= started();
  return running;
}

function started(): EngineForm {
  let failure: unknown;
  for (const { name, instantiate } of forms) {
    try {
      calls = instantiate() as Calls;
      return name;
    } catch (error) {
      failure ??= error;
    }
  }
  throw failure;
}
