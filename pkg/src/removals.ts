/** Telling a listener which entries left. */

import type { Contents } from "./contents.js";
import { isPromise } from "./promise.js";
import type { Removal } from "./types.js";

/**
 * Calls a listener for each entry that left since the last call. All are reported, whatever it throws; the first error is
 * thrown then.
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
