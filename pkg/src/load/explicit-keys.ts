/** Detects functions on the default cache with the same explicit key: each would get the results of the other. */

import { quote } from "../check.js";
import { shared } from "../shared.js";

/** The maximum number of remembered patterns. */
const MAX_PATTERNS = 10_000;

/** The function that uses a pattern. */
interface Owner {
  readonly name: string;
  /** Its source: a module that is loaded again, or a factory, creates the same function again. */
  readonly source: string;
  warned: boolean;
}

/**
 * Remembers the function that uses a key pattern on the default cache, and warns once about another one with the same.
 */
export function claimKey(pattern: string, name: string, fn: (...args: never[]) => unknown): void {
  const owners = shared("explicit-keys", () => new Map<string, Owner>());
  // Other argument positions do not make the keys different.
  const id = pattern.replace(/\{\d+\}/g, "{}");
  const source = Function.prototype.toString.call(fn);
  const owner = owners.get(id);
  if (owner === undefined) {
    if (owners.size < MAX_PATTERNS) {
      owners.set(id, { name, source, warned: false });
    }
  } else if (!owner.warned && (owner.name !== name || owner.source !== source)) {
    owner.warned = true;
    console.warn(
      `isocache: the functions ${named(owner.name)} and ${named(name)} have the same key ${quote(pattern)} in the default cache, ` +
        "so each may return what the other has cached; give one of them another key, or a cache of its own",
    );
  }
}

function named(name: string): string {
  return name === "" ? "(anonymous)" : quote(name);
}
