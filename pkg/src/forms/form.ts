import type { EngineForm } from "../types.js";

/** Returns the exports of an engine. Nothing is started before. */
type Instantiate = () => object;

/** A form of the engine that a build of the package has. */
export interface Form {
  readonly name: EngineForm;
  readonly instantiate: Instantiate;
}
