import type { Instantiate } from "../glue.js";

/** How the engine runs: as WebAssembly, or as the JavaScript that was translated from the same WebAssembly. */
export type EngineForm = "wasm" | "js";

/** A form of the engine that a build of the package has. */
export interface Form {
  readonly name: EngineForm;
  readonly instantiate: Instantiate;
}
