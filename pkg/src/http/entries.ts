/** Entries of a server as the methods of an `HttpCache` return them. */

import { systemNow } from "../clock.js";
import type { Entry } from "../types.js";
import type { Stored } from "./envelope.js";
import { count } from "./reply.js";
import { scan } from "./scan.js";
import { isFresh, type Store } from "./store.js";
import type { RequestOptions } from "./types.js";

/**
 * The entry under `key`, fresh or stale, with its remaining time. `whole` includes the namespace.
 *
 * The value is read first. If another client writes the key in between, the time is that of the newer entry. A tier
 * then does not keep the value, because the write is announced to it. A transaction would prevent this, at twice as
 * many commands and a separate request.
 */
export async function readEntry<V>(
  store: Store,
  key: string,
  whole: string,
  options: RequestOptions | undefined,
): Promise<Entry<V> | undefined> {
  const commands = [
    ["GET", whole],
    ["PTTL", whole],
  ];
  const [found, ttl] = await store.ask(commands, options);
  const stored = store.opened(key, found);
  const left = count("PTTL", ttl, key);
  // It may have expired in between.
  if (stored === undefined || left === -2) {
    return undefined;
  }
  const { value, freshUntil, tags = {} } = stored;
  const freshFor = freshUntil === undefined ? (left === -1 ? null : left) : freshUntil - systemNow();
  return { value: value as V, freshFor, tags };
}

/** Removes the entry under `key`, and returns it if it was fresh. `whole` includes the namespace. */
export async function takeEntry<V>(
  store: Store,
  key: string,
  whole: string,
  options: RequestOptions | undefined,
): Promise<Entry<V> | undefined> {
  const [reply] = await store.ask([["GETDEL", whole]], options, { once: true });
  const entry = freshEntry<V>(store.opened(key, reply));
  store.counts.deletes += Number(entry !== undefined);
  return entry;
}

/** An entry if it is fresh. Its remaining time is unknown. */
export function freshEntry<V>(stored: Stored | undefined): Entry<V> | undefined {
  return stored !== undefined && isFresh(stored)
    ? { value: stored.value as V, freshFor: null, tags: stored.tags ?? {} }
    : undefined;
}

export function isFreshEntry<V>(entry: Entry<V> | undefined): entry is Entry<V> {
  return entry !== undefined && (entry.freshFor === null || entry.freshFor > 0);
}

/** Converts milliseconds to seconds. */
export function inSeconds(freshFor: number | null): number | null {
  return freshFor === null ? null : freshFor / 1000;
}

/** The keys of fresh entries that match a pattern, each once, with their namespace. */
export async function* freshKeys(
  store: Store,
  pattern: string,
  options: RequestOptions | undefined,
): AsyncGenerator<string, void, undefined> {
  const seen = new Set<string>();
  for await (const found of scan(store.client, pattern, options?.signal)) {
    const keys = found.filter((key) => !seen.has(key) && seen.add(key));
    const stale = await store.areStale(keys, options);
    for (const [at, key] of keys.entries()) {
      if (!stale[at]) {
        yield key;
      }
    }
  }
}
