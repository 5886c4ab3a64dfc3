/**
 * Lookups that statistics do not count: those by tags, rate limiters and sessions. `hits + misses` are then the lookups
 * of callers. They mark entries as used.
 */

import type { MaybePromise } from "./promise.js";
import type { Ttl } from "./types.js";

/** The providers of this package have these; a custom one need not. */
interface Uncounted {
  readMany?(keys: readonly string[]): MaybePromise<readonly unknown[]>;
  readAndTouch?(key: string, ttl: Ttl): MaybePromise<unknown>;
  readAndDelete?(key: string): MaybePromise<unknown>;
}

/** The uncounted lookups of a provider. */
export function uncountedOf(store: object): Uncounted {
  const { readMany, readAndTouch, readAndDelete } = store as Uncounted;
  return {
    ...(readMany && { readMany: readMany.bind(store) }),
    ...(readAndTouch && { readAndTouch: readAndTouch.bind(store) }),
    ...(readAndDelete && { readAndDelete: readAndDelete.bind(store) }),
  };
}

/** The values under `keys`, in the same order. */
export function readMany(
  store: { getMany(keys: readonly string[]): MaybePromise<readonly unknown[]> },
  keys: readonly string[],
): MaybePromise<readonly unknown[]> {
  const { readMany } = store as Uncounted;
  return typeof readMany === "function" ? readMany.call(store, keys) : store.getMany(keys);
}

/** The value under `key`. Restarts its ttl. */
export function readAndTouch<V>(
  store: { getAndTouch(key: string, ttl: Ttl): MaybePromise<V | undefined> },
  key: string,
  ttl: Ttl,
): MaybePromise<V | undefined> {
  const { readAndTouch } = store as Uncounted;
  return typeof readAndTouch === "function"
    ? (readAndTouch.call(store, key, ttl) as MaybePromise<V | undefined>)
    : store.getAndTouch(key, ttl);
}

/** Removes the entry under `key`, and returns its value. */
export function readAndDelete<V>(
  store: { getAndDelete(key: string): MaybePromise<V | undefined> },
  key: string,
): MaybePromise<V | undefined> {
  const { readAndDelete } = store as Uncounted;
  return typeof readAndDelete === "function"
    ? (readAndDelete.call(store, key) as MaybePromise<V | undefined>)
    : store.getAndDelete(key);
}
