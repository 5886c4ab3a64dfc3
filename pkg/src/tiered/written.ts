/** Which copies the writes of a `TieredCache` leave. */

import { isGenerations } from "../generations.js";
import type { Provider } from "../provider.js";
import type { Entry } from "../types.js";
import type { WriteOptions } from "../write-options.js";

/**
 * The written entries as copies, by key. Without a ttl, an entry has the default of `far`; if that is unknown, so is how long a
 * copy would be fresh, and there is none.
 */
export function copiesOf<V>(far: Provider<V>, entries: readonly WriteOptions[]): ReadonlyMap<string, Entry<V>> {
  const { defaultTtl } = far as { readonly defaultTtl?: number };
  const copies = new Map<string, Entry<V>>();
  for (const { key, value, ttl = defaultTtl, tags } of entries) {
    copies.delete(key);
    // Tags that are no generations yet are resolved by `far`.
    if (ttl !== undefined && ttl > 0 && (tags === undefined || isGenerations(tags))) {
      const generations = tags === undefined ? {} : Object.fromEntries(tags.of);
      copies.set(key, { value: value as V, freshFor: ttl === Infinity ? null : ttl, tags: generations });
    }
  }
  return copies;
}
