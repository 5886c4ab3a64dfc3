/** Functions whose results are cached. */

import { Cache } from "../cache.js";
import { checkFunction, checkOptions, wrongType } from "../check.js";
import { keyOf } from "../key/key-of.js";
import { fill, parseTemplate } from "../key/template.js";
import { escapedValue } from "../key/value.js";
import type { Ttl } from "../types.js";
import { type LoadStats, Monitor } from "./monitor.js";
import type { LoadOptions } from "./options.js";
import { Settings } from "./settings.js";

/** How the results of a function are cached. */
export interface CachedOptions<A extends readonly unknown[], R> extends Omit<LoadOptions<R>, "tags"> {
  /** What results are invalidated by, with `invalidateTags`: a list, or a function of the arguments. */
  tags?: readonly string[] | ((...args: A) => readonly string[]) | undefined;
  /** Where. Default: `defaultCache()`; for methods, a cache of each instance. */
  cache?: Cache | undefined;
  /**
   * The key of a call: a function of its arguments, or a pattern with their numbers, as `"user:{0}"`. Default: the name,
   * and a hash of all arguments.
   */
  key?: string | ((...args: A) => string) | undefined;
  /** The name in default keys. Needed for functions without a name that have no `key`. Default: the function's. */
  name?: string | undefined;
}

/** A function whose results are cached. */
export interface Cached<A extends readonly unknown[], R> {
  (...args: A): Promise<R>;
  /** The key of a call, without the namespaces of the cache. */
  keyFor(...args: A): string;
  /** Removes the result of a call; true if there was one. A load in progress is not stored. */
  invalidate(...args: A): Promise<boolean>;
  /** Calls the function in any case, and stores the result. */
  refresh(...args: A): Promise<R>;
  /** What happened to the calls. */
  stats(): LoadStats;
}

type AnyFunction<A extends readonly unknown[], R> = (...args: A) => R | Promise<R>;

/** What a decorator of methods is told by TypeScript 5 and the coming standard. */
interface MethodContext {
  readonly kind: string;
  readonly name: string | symbol;
}

/** A decorator of methods, of the coming standard and of TypeScript's `experimentalDecorators`. */
export interface CachedDecorator {
  <M extends (...args: never[]) => Promise<unknown>>(method: M, context: MethodContext): M;
  (
    target: object,
    name: string | symbol,
    descriptor: TypedPropertyDescriptor<(...args: never[]) => Promise<unknown>>,
  ): void;
}

const DEFAULT_TTL: Ttl = "5m";

/** Keys that each function remembers, for arguments of so many characters. */
const MAX_KNOWN = 1000;
const MAX_KNOWN_LENGTH = 100;

let shared: Cache | undefined;

/** The cache of functions that have none of their own: memory, for 1000 entries, unless `setDefaultCache` has set another. */
export function defaultCache(): Cache {
  shared ??= new Cache();
  return shared;
}

/** Makes `cache` the one that `defaultCache` returns. Functions that were called before go over to it, too. */
export function setDefaultCache(cache: Cache): void {
  if (!(cache instanceof Cache)) {
    throw wrongType("cache", "a Cache", cache);
  }
  shared = cache;
}

/**
 * A function whose results are cached: the first call with some arguments runs it, calls that come meanwhile wait for the
 * same run, and later ones get what it brought, for `ttl` (default `"5m"`). Failures reach all who wait and are not stored.
 *
 * ```js
 * import { cached } from "isocache";
 *
 * const getUser = cached(async (id) => ({ id, name: "Ada" }), { key: "user:{0}", ttl: "5m" });
 * await getUser(7); // { id: 7, name: "Ada" }
 * getUser.keyFor(7); // "user:7"
 * await getUser.invalidate(7); // true
 * ```
 *
 * Called with options alone it is a decorator of methods: `@cached({ ttl: "1m" })`. Each instance has a cache of its own
 * then, unless a `cache` and a `key` are given.
 *
 * @throws TypeError for what is no option, and for a function without a name, a `name` and a `key`.
 */
export function cached<A extends readonly unknown[], R>(
  fn: AnyFunction<A, R>,
  options?: CachedOptions<A, R>,
): Cached<A, R>;
export function cached<A extends readonly unknown[] = readonly never[], R = unknown>(
  options?: CachedOptions<A, R>,
): CachedDecorator;
export function cached<A extends readonly unknown[], R>(
  first?: AnyFunction<A, R> | CachedOptions<A, R>,
  options?: CachedOptions<A, R>,
): Cached<A, R> | CachedDecorator {
  if (typeof first === "function") {
    return wrapped(first, options ?? {});
  }
  return decorator((first ?? {}) as CachedOptions<readonly unknown[], unknown>);
}

function wrapped<A extends readonly unknown[], R>(fn: AnyFunction<A, R>, options: CachedOptions<A, R>): Cached<A, R> {
  checkOptions(options);
  const { cache, key, name = fn.name, tags, ...load } = options;
  if (cache !== undefined && !(cache instanceof Cache)) {
    throw wrongType("cache", "a Cache", cache);
  }
  const keyFor = keyBuilder<A>(key, name);
  const monitor = new Monitor(name);
  // What is wrong with the options is said now, not at the first call.
  const given: LoadOptions<R> = { ttl: DEFAULT_TTL, ...load, tags: typeof tags === "function" ? undefined : tags };
  const settings = new Settings(given, monitor);
  const anew = new Settings({ ...given, forceFresh: true }, monitor);
  const run = (args: A, settings: Settings<R>): Promise<R> => {
    try {
      const load = () => fn(...args);
      const tagged = typeof tags === "function" ? () => tags(...args) : undefined;
      return (cache ?? defaultCache()).load<R>(keyFor(...args), load, settings, tagged);
    } catch (error) {
      return Promise.reject(error);
    }
  };
  return Object.assign((...args: A) => run(args, settings), {
    keyFor,
    invalidate: (...args: A) => (cache ?? defaultCache()).delete(keyFor(...args)),
    refresh: (...args: A) => run(args, anew),
    stats: () => monitor.stats(),
  });
}

function keyBuilder<A extends readonly unknown[]>(
  key: CachedOptions<A, never>["key"],
  name: string,
): (...args: A) => string {
  if (typeof key === "string") {
    const { texts, names } = parseTemplate(key);
    // Arguments that the pattern does not name are no part of the key.
    return remembering((args) => fill(texts, names, (name) => escapedValue(name, args[Number(name)])));
  }
  checkFunction("key", key);
  if (key !== undefined) {
    return key;
  }
  if (name === "") {
    throw new TypeError("isocache: a function without a name needs the option name or key, lest it shares its keys");
  }
  return remembering((args) => keyOf(name, args));
}

/** Remembers the keys for single numbers and short texts: to find one takes a small part of the time that it takes to make. */
function remembering<A extends readonly unknown[]>(make: (args: A) => string): (...args: A) => string {
  const known = new Map<unknown, string>();
  return (...args) => {
    const arg = args[0];
    if (
      args.length !== 1 ||
      !(typeof arg === "number" || (typeof arg === "string" && arg.length <= MAX_KNOWN_LENGTH))
    ) {
      return make(args);
    }
    let key = known.get(arg);
    if (key === undefined) {
      key = make(args);
      if (known.size === MAX_KNOWN) {
        known.clear();
      }
      known.set(arg, key);
    }
    return key;
  };
}

function decorator(options: CachedOptions<readonly unknown[], unknown>): CachedDecorator {
  if (options.cache !== undefined && options.key === undefined) {
    throw new TypeError("isocache: methods that share a cache need the option key, lest instances share their results");
  }
  type Method = (this: object, ...args: readonly unknown[]) => Promise<unknown>;
  const decorate = (method: Method, name: string): Method => {
    const ofInstance = new WeakMap<object, Cached<readonly unknown[], unknown>>();
    return function (this: object, ...args) {
      let own = ofInstance.get(this);
      if (own === undefined) {
        const cache = options.cache ?? new Cache();
        own = wrapped(method.bind(this), { name, ...options, cache });
        ofInstance.set(this, own);
      }
      return own(...args);
    };
  };
  const apply = (first: unknown, second: unknown, descriptor?: PropertyDescriptor): unknown => {
    if (descriptor === undefined) {
      const { kind, name } = second as MethodContext;
      if (kind !== "method") {
        throw new TypeError(`isocache: @cached is for methods, not for a ${kind}`);
      }
      return decorate(first as Method, String(name));
    }
    if (typeof descriptor.value !== "function") {
      throw new TypeError("isocache: @cached is for methods");
    }
    descriptor.value = decorate(descriptor.value as Method, String(second));
    return undefined;
  };
  return apply as CachedDecorator;
}
