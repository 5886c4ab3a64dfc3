/** Options that a loader returns with its value. */

import { checkOptions } from "../check.js";
import { brand, isBranded } from "../shared.js";
import type { Ttl } from "../types.js";

/** Options that a loader can return with its value. */
export interface LoadedOptions {
  /**
   * How long this value is fresh, in **seconds** or with a unit; `null` means no expiry. Default: the ttl of the call.
   */
  ttl?: Ttl | null | undefined;
  /** Whether the value is returned to the waiting callers without being stored. Default: false. */
  noStore?: boolean | undefined;
}

/** A value with options for storing it; created by `loaded`. */
export class Loaded<V> {
  /** @internal */
  constructor(
    readonly value: V,
    readonly options: LoadedOptions,
  ) {
    brand(Loaded, "Loaded");
  }
}

/** Whether a loader returned a value with options, created by any copy of the package. */
export function isLoaded<V>(value: V | Loaded<V>): value is Loaded<V> {
  return isBranded(value, "Loaded");
}

/**
 * Wraps a value for a loader to return, to give it a ttl of its own or to keep it from being stored.
 *
 * ```js
 * import { Cache, loaded } from "isocache";
 *
 * const cache = new Cache();
 * const token = await cache.getOrSet("token", async () => {
 *   const { secret, expiresIn } = { secret: "abc", expiresIn: 30 };
 *   return loaded(secret, { ttl: expiresIn });
 * });
 * token; // "abc"
 * ```
 *
 * @throws TypeError for an unknown option.
 */
export function loaded<V>(value: V, options: LoadedOptions = {}): Loaded<V> {
  checkOptions(options, ["ttl", "noStore"]);
  return new Loaded(value, options);
}
