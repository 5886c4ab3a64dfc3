/** Matching keys against a pattern. */

import { glob_matches } from "./glue.js";
import { sync } from "./views.js";
import { startEngine } from "./wasm.js";

/**
 * The `entries` whose key matches. Patterns are matched in wasm, so that they mean the same everywhere; the text before the
 * first special character is compared here, without a copy of the key.
 */
export function matching<E>(pattern: string, entries: Iterable<[key: string, of: E]>): [key: string, of: E][] {
  const special = pattern.search(/[*?[\\]/);
  const prefix = special < 0 ? pattern : pattern.slice(0, special);
  const candidates = [...entries].filter(([key]) => key.startsWith(prefix));
  if (special < 0) {
    return candidates.filter(([key]) => key === pattern);
  }
  if (pattern === `${prefix}*`) {
    return candidates;
  }
  startEngine();
  try {
    return candidates.filter(([key]) => glob_matches(pattern, key));
  } finally {
    sync();
  }
}
