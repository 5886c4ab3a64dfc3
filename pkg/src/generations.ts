/** The state of tags at a point in time. */

import { brand, isBranded } from "./shared.js";

/** Tags with the generations that they had at a point in time. */
export class Generations {
  /** @internal */
  constructor(
    /** @internal */
    readonly of: ReadonlyMap<string, number>,
  ) {
    brand(Generations, "Generations");
  }
}

/** Whether a value is the state of tags, from any copy of the package. */
export function isGenerations(value: unknown): value is Generations {
  return isBranded(value, "Generations");
}
