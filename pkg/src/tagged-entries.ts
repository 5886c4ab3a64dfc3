/** Reads entries that may have tags from their provider. */

import { isEnvelope } from "./http/envelope.js";
import { after, type MaybePromise } from "./promise.js";
import { ofMany, type Provider } from "./provider.js";
import type { Entry } from "./types.js";
import { readMany, uncountedOf } from "./uncounted.js";

type Found = Entry<unknown> | undefined;

/** The fresh entry under a key. */
export function freshEntry(provider: Provider<unknown>, key: string): MaybePromise<Found> {
  if (provider.keepsTags && provider.getEntries) {
    return after(provider.getEntries([key]), ([entry]) => opened(entry));
  }
  return after(provider.get(key), (value) => opened(ageless(value)));
}

/** The entry under a key, fresh or stale. */
export function keptEntry(provider: Provider<unknown>, key: string): MaybePromise<Found> {
  if (provider.getEntry) {
    return provider.getEntry(key);
  }
  const timed = (value: unknown, ttl: number | null | undefined) =>
    value === undefined ? undefined : { value, freshFor: ttl === null || ttl === undefined ? null : ttl * 1000 };
  if (provider.getWithTtl) {
    return after(provider.getWithTtl(key), (found) => timed(found?.value, found?.ttl));
  }
  if (provider.ttl) {
    return timed(provider.get(key), provider.ttl(key) as number | null | undefined);
  }
  throw new TypeError("isocache: earlyRefresh needs a provider with the method getEntry");
}

/** The fresh entries under keys, in the same order. */
export async function readEntries(provider: Provider<unknown>, keys: readonly string[]): Promise<Found[]> {
  const found = provider.keepsTags
    ? await provider.getEntries?.(keys)
    : (await ofMany(provider, "getMany", keys)).map(ageless);
  return found ?? [];
}

/** As `readEntries`, without counting lookups. */
export function peekEntries(provider: Provider<unknown>, keys: readonly string[]): MaybePromise<Found[]> {
  const { peekEntries, peek } = provider;
  if (peekEntries) {
    return peekEntries.call(provider, keys);
  }
  const getMany = (some: readonly string[]) => ofMany(provider, "getMany", some);
  const values = peek
    ? keys.map((key) => peek.call(provider, key))
    : readMany({ getMany, ...uncountedOf(provider) }, keys);
  return after(values, (all) => all.map(ageless));
}

/** An entry with its tags, which may be in its value. */
export function opened(entry: Found): Found {
  if (entry === undefined || entry.tags !== undefined || !isEnvelope(entry.value)) {
    return entry;
  }
  const { value, tags = {} } = entry.value;
  return { value, freshFor: entry.freshFor, tags };
}

/** An entry whose remaining time does not matter. */
function ageless(value: unknown): Found {
  return value === undefined ? undefined : { value, freshFor: null };
}
