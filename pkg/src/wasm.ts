/** The engine: how it starts, and views of its memory. */

import { forms } from "./forms/js.js";
import { start } from "./glue.js";
import type { EngineForm } from "./types.js";

let memory: { readonly buffer: ArrayBuffer } | undefined;
let running: EngineForm | undefined;

let view: Uint32Array | undefined;

/** The memory of the engine in 32-bit words, as it is now: a call of the engine may make it another. */
export function words(): Uint32Array {
  // WebAssembly detaches the views of a memory that grows; JavaScript leaves them, with memory that nobody uses.
  const { buffer } = memory as { readonly buffer: ArrayBuffer };
  if (view === undefined || view.buffer !== buffer) {
    view = new Uint32Array(buffer);
  }
  return view;
}

/** Starts the engine, unless it runs, and says in which form. */
export function startEngine(): EngineForm {
  running ??= started();
  return running;
}

function started(): EngineForm {
  let failure: unknown;
  for (const { name, instantiate } of forms) {
    try {
      memory = start(instantiate);
      return name;
    } catch (error) {
      failure ??= error;
    }
  }
  throw new Error(
    `isocache: WebAssembly does not run here: ${reason(failure)}. Import isocache instead of isocache/wasm`,
    {
      cause: failure,
    },
  );
}

/** The cause of a failure to start WebAssembly, with the remedies that there are beside the other form. */
function reason(error: unknown): string {
  if (typeof WebAssembly !== "object") {
    return "this environment has none (node --jitless, iOS in Lockdown Mode, a browser with it switched off)";
  }
  const text = error instanceof Error ? error.message : String(error);
  if (/Content.Security|CSP|unsafe-eval/i.test(text)) {
    return "the Content-Security-Policy of this page forbids it unless its script-src has 'wasm-unsafe-eval'";
  }
  if (/embedder/.test(text)) {
    return "this runtime compiles it only while a program starts, or not at all";
  }
  return error instanceof RangeError
    ? "this browser does not compile it on the main thread (Chrome before version 115), only in workers"
    : text;
}
