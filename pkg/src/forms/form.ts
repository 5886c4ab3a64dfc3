import type { Instantiate } from "../glue.js";
import type { EngineForm } from "../types.js";

/** A form of the engine that a build of the package has. */
export interface Form {
  readonly name: EngineForm;
  readonly instantiate: Instantiate;
}
