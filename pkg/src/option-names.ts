/**
 * The names of the options of writes. Each list is written in full: bundlers keep one that is made of others, even where nothing
 * uses it.
 */

/** Of a write to a `MemoryCache`, and of an entry of its `setMany`. */
export const MEMORY_OPTIONS = ["ttl", "expiresAt", "staleFor"];
export const MEMORY_ENTRY_OPTIONS = ["key", "value", "ttl", "expiresAt", "staleFor"];
/** Of a write with tags. */
export const SET_OPTIONS = ["ttl", "expiresAt", "staleFor", "tags"];
export const ENTRY_OPTIONS = ["key", "value", "ttl", "expiresAt", "staleFor", "tags"];
/** Of a request, and of a write that is one. */
export const REQUEST_OPTIONS = ["signal"];
export const HTTP_OPTIONS = ["ttl", "expiresAt", "staleFor", "tags", "signal"];
export const HTTP_ENTRY_OPTIONS = ["key", "value", "ttl", "expiresAt", "staleFor", "tags", "signal"];
