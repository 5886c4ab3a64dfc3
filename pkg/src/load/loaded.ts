/** What a loader says of its value. */

import { checkOptions } from "../check.js";
import { brand, isBranded } from "../shared.js";
import type { Ttl } from "../types.js";

/** What a loader may say of the value that it brings. */
export interface LoadedOptions {
  /** How long this value is fresh, in **seconds** or with a unit; `null`: it does not expire. Default: the ttl of the call. */
  ttl?: Ttl | null | undefined;
  /** Whether the value is only for the callers that wait, and not stored. Default: false. */
  noStore?: boolean | undefined;
}

/** A value with what is to be done with it; made by `loaded`. */
export class Loaded<V> {
  /** @internal */
  constructor(
    readonly value: V,
    readonly options: LoadedOptions,
  ) {}
}
brand(Loaded, "Loaded");

/** Whether a loader has said more than a value, by the function of any copy of the package. */
export function isLoaded<V>(value: V | Loaded<V>): value is Loaded<V> {
  return isBranded(value, "Loaded");
}

/**
 * A value for a loader to return, with its own ttl, or not to be stored.
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
