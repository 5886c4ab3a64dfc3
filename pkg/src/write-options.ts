/** Options of a write, resolved once at the edge: from there on, times are numbers of milliseconds. */

import { checkOptions } from "./check.js";
import type { Generations } from "./generations.js";
import { brand, isExactly } from "./shared.js";
import { milliseconds, ttlOf } from "./ttl.js";
import type { CacheSetEntry, SetOptions, Ttl } from "./types.js";

/** Options of a write as callers give them, and as custom providers get them. */
export interface PublicOptions extends SetOptions {
  /** The tags of the entry, or their generations at a point in time. */
  tags?: readonly string[] | Generations | undefined;
}

/** Raised when the resolved form changes: copies of the package with different forms pass each other the public one. */
const FORM = "resolved.1";
const RESOLVED: unique symbol = /* @__PURE__ */ Symbol.for("isocache.resolved.1");

/** The options of a write. In a `setMany`, they also have the key and the value. */
export interface WriteOptions {
  /** Distinguishes it from options written by a caller, in all copies of the package. */
  readonly resolved: typeof RESOLVED;
  /** In milliseconds. `Infinity`: no expiry; `undefined`: the provider's default; 0: the entry has already expired. */
  readonly ttl: number | undefined;
  /** How long the entry is kept as stale, in milliseconds. */
  readonly staleFor: number;
  readonly tags: PublicOptions["tags"];
  readonly key: string;
  readonly value: unknown;
}

/** Options of a write whose ttl is known. */
export type KnownOptions = WriteOptions & { readonly ttl: number };

export function writeOptions<T extends number | undefined>(
  ttl: T,
  staleFor = 0,
  tags?: PublicOptions["tags"],
  key = "",
  value?: unknown,
): WriteOptions & { readonly ttl: T } {
  return { resolved: RESOLVED, ttl, staleFor, tags, key, value };
}

/**
 * The options of a write, which may be just a ttl, or already resolved.
 *
 * @param names - the allowed options.
 * @param fallback - the ttl of a write without one, in milliseconds.
 * @param key - with `value`, if they are passed on together.
 * @throws TypeError or RangeError for an unknown option or an invalid one, naming it.
 */
export function resolve<F extends number | undefined>(
  given: unknown,
  names: readonly string[],
  fallback: F,
  key?: string,
  value?: unknown,
): WriteOptions & { readonly ttl: number | F } {
  let resolved: WriteOptions;
  if (isResolved(given)) {
    resolved = given;
  } else {
    let options = { ttl: given } as PublicOptions;
    if (typeof given === "object" && given !== null) {
      checkOptions(given, names);
      options = given;
    }
    const { staleFor, tags } = options;
    const kept = staleFor === undefined ? 0 : milliseconds(staleFor, "staleFor");
    resolved = writeOptions(ttlOf(options, fallback), kept, tags, key, value);
  }
  const { staleFor, tags } = resolved;
  const ttl = (resolved.ttl ?? fallback) as number | F;
  if (staleFor > 0 && ttl === Infinity) {
    throw new TypeError(
      "isocache: an entry without a ttl never becomes stale; give ttl beside staleWhileRevalidate, staleIfError or staleFor",
    );
  }
  return ttl === resolved.ttl
    ? (resolved as WriteOptions & { readonly ttl: number })
    : writeOptions(ttl, staleFor, tags, resolved.key, resolved.value);
}

/** The ttl of a `touch` in milliseconds. @throws TypeError or RangeError for an invalid one. */
export function resolveTtl<F extends number | undefined>(given: Ttl | null | undefined, fallback: F): number | F {
  return given === undefined ? fallback : isResolved(given) ? (given.ttl ?? fallback) : milliseconds(given);
}

/** Marks a class whose methods take resolved options. Its constructor calls it. */
export function takeResolved(of: { readonly prototype: object }): void {
  brand(of, FORM);
}

/** The options of a write in the form that a provider takes: resolved, or the public form for a custom one. */
export function optionsFor(provider: object, options: WriteOptions): PublicOptions {
  if (isExactly(provider, FORM)) {
    return options as PublicOptions;
  }
  const { ttl, staleFor, tags } = options;
  return {
    ttl: publicTtl(ttl),
    ...(staleFor > 0 && { staleFor: publicTtl(staleFor) ?? Infinity }),
    ...(tags && { tags }),
  };
}

/** One of the entries of a `setMany` in the form that a provider takes. */
export function entryFor<V>(provider: object, entry: WriteOptions): CacheSetEntry<V> {
  const options = optionsFor(provider, entry) as CacheSetEntry<V>;
  return isResolved(options) ? options : { ...options, key: entry.key, value: entry.value as V };
}

/** The ttl of a `touch` in the form that a provider takes. */
export function ttlFor(provider: object, ttl: number | undefined): Ttl | null | undefined {
  const options: unknown = optionsFor(provider, writeOptions(ttl));
  return isResolved(options) ? (options as unknown as Ttl) : publicTtl(ttl);
}

function isResolved(given: unknown): given is WriteOptions {
  return (given as WriteOptions | null | undefined)?.resolved === RESOLVED;
}

/** With its unit, so that milliseconds are not mistaken for seconds. */
function publicTtl(ttl: number | undefined): Ttl | null | undefined {
  return ttl === undefined ? ttl : ttl === Infinity ? null : `${ttl}ms`;
}
