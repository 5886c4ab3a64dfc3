/** The options of the table of a cache. */

import type { Policy } from "./types.js";

/** The maximum number of entries of a `Map` in V8. */
export const MAX_ENTRIES = 2 ** 24;

/** The options of a cache that its table needs. */
export interface TableOptions {
  readonly maxEntries: number;
  readonly maxBytes: number;
  readonly clock: () => number;
  /** Present if entries have sizes. */
  readonly sizeOf: unknown;
  /** Present if removals are reported. */
  readonly onRemoval: unknown;
  readonly touchOnGet: boolean;
  readonly policy: Policy;
}
