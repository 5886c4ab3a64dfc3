/** Removing keys by a pattern. */

import type { Client } from "./client.js";
import { CacheError } from "./errors.js";
import { count } from "./reply.js";
import { scan } from "./scan.js";
import type { Store } from "./store.js";
import type { AbortSignalLike, RequestOptions } from "./types.js";

/**
 * Removes the keys that match a pattern with wildcards. Returns the number of fresh entries. Entries that another
 * client adds in the meantime may stay.
 */
export async function clear(store: Store, pattern: string, options: RequestOptions | undefined): Promise<number> {
  const { client, hasStale } = store;
  const { envelope } = client.settings.serializer;
  if (client.isBridge !== false && (envelope || !hasStale)) {
    const removed = await atOnce(client, [pattern, ...(envelope ? [envelope] : [])], options?.signal);
    if (removed !== undefined) {
      return removed;
    }
  }
  return bySteps(store, pattern, options);
}

/** With the bridge's command; `undefined` if the server turns out not to have it. */
async function atOnce(
  client: Client,
  args: string[],
  signal: AbortSignalLike | undefined,
): Promise<number | undefined> {
  try {
    const [reply] = await client.ask({ commands: [["ISOCACHE.CLEAR", ...args]], alone: true }, signal);
    return count("ISOCACHE.CLEAR", reply);
  } catch (error) {
    // A bridge that does not know the format of envelopes has no command to compare and set either.
    const isForeign = !(client.isBridge && client.hasCompareAndSet) && error instanceof CacheError;
    if (isForeign && (error.code === "protocol" || error.code === "refused")) {
      return undefined;
    }
    throw error;
  }
}

/** By walking all keys. */
async function bySteps(store: Store, pattern: string, options: RequestOptions | undefined): Promise<number> {
  let removed = 0;
  for await (const keys of scan(store.client, pattern, options?.signal)) {
    removed += await store.remove(keys, options);
  }
  return removed;
}
