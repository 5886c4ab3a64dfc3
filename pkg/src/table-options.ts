/** What the table of a cache is made with. */

import type { Policy } from "./types.js";

/** What a `Map` holds in V8. */
export const MAX_ENTRIES = 2 ** 24;

/** The options of a cache that its table needs. */
export interface TableOptions {
  readonly maxEntries: number;
  readonly maxBytes: number;
  readonly clock: () => number;
  /** Present if entries have sizes. */
  readonly sizeOf: unknown;
  /** Present if it matters which entries leave. */
  readonly onRemoval: unknown;
  readonly touchOnGet: boolean;
  readonly policy: Policy;
}
