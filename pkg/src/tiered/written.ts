/** The copies that writes of a `TieredCache` leave behind. */

import { isGenerations } from "../generations.js";
import type { Provider } from "../provider.js";
import type { Entry } from "../types.js";
import type { WriteOptions } from "../write-options.js";

/**
 * The written entries as copies, by key. Without a ttl, an entry has the default of `far`; if that is unknown, there is
 * no copy, since nobody knows how long it would be fresh.
 */
export function copiesOf<V>(far: Provider<V>, entries: readonly WriteOptions[]): ReadonlyMap<string, Entry<V>> {
  const { defaultTtl } = far as { readonly defaultTtl?: number };
  const copies = new Map<string, Entry<V>>();
  for (const { key, value, ttl = defaultTtl, tags } of entries) {
    copies.delete(key);
    // Tags that are not generations yet are resolved by `far`.
    if (ttl !== undefined && ttl > 0 && (tags === undefined || isGenerations(tags))) {
      const generations = tags === undefined ? {} : Object.fromEntries(tags.of);
      copies.set(key, { value: value as V, freshFor: ttl === Infinity ? null : ttl, tags: generations });
    }
  }
  return copies;
}
