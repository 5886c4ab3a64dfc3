/** Reports removed entries to a listener. */

import type { Contents } from "./contents.js";
import { isPromise } from "./promise.js";
import type { Removal } from "./types.js";

/**
 * Calls a listener for each entry removed since the last call. All are reported even if it throws; then the first error
 * is thrown.
 */
export function report<V>(contents: Contents<V>, onRemoval: (removal: Removal<V>) => unknown): void {
  const { left } = contents;
  if (left.length === 0) {
    return;
  }
  contents.left = [];
  const errors: unknown[] = [];
  for (const removal of left) {
    try {
      const returned = onRemoval(removal);
      if (isPromise(returned)) {
        returned.then(undefined, (error) => {
          // biome-ignore lint/suspicious/noConsole: the operation is over, so there is no caller to throw to.
          console.error("isocache: the promise that onRemoval returned was rejected:", error);
        });
      }
    } catch (error) {
      errors.push(error);
    }
  }
  if (errors.length > 0) {
    throw errors[0];
  }
}
