/** Stores an entry if there is none that counts. */

import type { MaybePromise } from "../promise.js";
import type { Entry } from "../types.js";
import { freshEntry } from "./entries.js";
import { type Command, checked } from "./reply.js";
import { isValue, type Store } from "./store.js";
import type { RequestOptions } from "./types.js";

/**
 * Executes `command`, a SET, if there is no entry under its key, or one that is stale or for which `isDead` returns
 * true. Returns whether it was stored.
 */
export async function setIfDead<V>(
  store: Store,
  key: string,
  command: Command,
  request: RequestOptions | undefined,
  isDead?: (entry: Entry<V>) => MaybePromise<boolean>,
): Promise<boolean> {
  const [, whole, written, , ttl = Infinity] = command as [string, string, string, string?, string?];
  // In one request, if the server takes bytes in a list of commands.
  const [[reply], [old]] = await Promise.all([
    // A second attempt would find what the first one stored.
    store.ask([[...command, "NX"]], request, { once: true }),
    store.hasStale ? store.ask([["GET", whole]], request) : [],
  ]);
  if (checked(reply, key) !== null) {
    return true;
  }
  if (!isValue(old)) {
    return false;
  }
  const entry = freshEntry<V>(store.openedIfPossible(old));
  return (
    (entry === undefined || (await isDead?.(entry)) === true) &&
    store.compareAndSet(whole, old, written, Number(ttl), request)
  );
}
