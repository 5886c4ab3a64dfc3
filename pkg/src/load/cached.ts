/** Functions whose results are cached. */

import { Cache } from "../cache.js";
import { checkFunction, checkOptions, quote, wrongType } from "../check.js";
import { globOf, keyOf } from "../key/key-of.js";
import { fill, parseTemplate } from "../key/template.js";
import { escapedValue } from "../key/value.js";
import { escapeGlob } from "../prefix.js";
import { isBranded, shared } from "../shared.js";
import type { AnyFunction, Cached, CachedDecorator, CachedFunction, CachedOptions, ResultOf } from "./cached-types.js";
import { decorator } from "./decorator.js";
import { defaultCache } from "./default-cache.js";
import { claimKey } from "./explicit-keys.js";
import { Monitor } from "./monitor.js";
import type { LoadOptions } from "./options.js";
import { Settings } from "./settings.js";

/** In milliseconds. */
const DEFAULT_TTL = 300_000;

/** The maximum number of keys that each function remembers, for strings of at most this length. */
const MAX_KNOWN = 1000;
const MAX_KNOWN_LENGTH = 100;

/**
 * Caches the results of a function. The first call with given arguments runs it. Calls that arrive while it runs wait
 * for the same run; later calls get its result until `ttl` has passed (default `"5m"`). Errors reach all waiting
 * callers and are not stored. The cached function keeps `this`, the name and the length of the function; `this` is not
 * part of the key.
 *
 * ```js
 * import { cached } from "isocache";
 *
 * const getUser = cached(async (id) => ({ id, name: "Ada" }), { key: "user:{0}", ttl: "5m" });
 * await getUser(7); // { id: 7, name: "Ada" }
 * getUser.keyFor(7); // "user:7"
 * await getUser.peek(7); // { id: 7, name: "Ada" }
 * await getUser.invalidate(7); // true
 * ```
 *
 * Without a `key` and a `name`, a function has its own cache in memory. Its JavaScript name is not used for keys: two
 * functions may have the same name, and minifiers change names. In a `cache` over a shared store, `key` or `name` is
 * required.
 *
 * With only options, it is a method decorator: `@cached({ ttl: "1m" })`. Each instance then has its own cache, unless a
 * `cache` and a `key` are given. Use the members of a decorated method on an instance: `users.find.invalidate(7)`.
 * Under TypeScript's `experimentalDecorators`, they exist after the first call.
 *
 * @throws TypeError or RangeError for an invalid option, and for a shared `cache` without `key` or `name`.
 */
export function cached<F extends AnyFunction>(
  fn: F,
  options?: CachedOptions<Parameters<F>, ResultOf<F>>,
): CachedFunction<F>;
export function cached<A extends readonly unknown[] = readonly never[], R = unknown>(
  options?: CachedOptions<A, R>,
): CachedDecorator;
export function cached(first?: unknown, options?: unknown): unknown {
  if (typeof first === "function") {
    return wrapped(first as (...args: readonly unknown[]) => unknown, (options ?? {}) as Options);
  }
  return decorator((first ?? {}) as Options, wrapped);
}

type Args = readonly unknown[];
type Options = CachedOptions<Args, unknown>;

function wrapped(fn: (...args: Args) => unknown, options: Options): Cached<Args, unknown> {
  checkOptions(options);
  const { cache: given, key, name, tags, ...load } = options;
  if (given !== undefined && !isBranded<Cache>(given, "Cache")) {
    throw wrongType("cache", "a Cache, as new Cache({ provider })", given);
  }
  if (name !== undefined && typeof name !== "string") {
    throw wrongType("name", "a string", name);
  }
  const shown = name ?? fn.name;
  const space = spaceOf(given, key, name, shown);
  const keys = keysOf(key, space.name);
  if (given === undefined && (typeof key === "string" || name !== undefined)) {
    claimKey(keys.pattern, fn.name, fn);
  }
  const monitor = new Monitor(shown, keys.pattern);
  // Invalid options are reported now, not at the first call.
  const whole: LoadOptions<unknown> = {
    ttl: DEFAULT_TTL / 1000,
    ...load,
    tags: typeof tags === "function" ? undefined : tags,
  };
  const settings = new Settings(whole, monitor);
  settings.checkWindows(DEFAULT_TTL);
  const fresh = new Settings({ ...whole, forceFresh: true }, monitor);
  const run = (self: unknown, args: Args, settings: Settings<unknown>): Promise<unknown> => {
    try {
      const cache = space.cache();
      const key = keys.make(args);
      const joined = cache.join(key, settings);
      if (joined !== undefined) {
        return joined;
      }
      const tagged = typeof tags === "function" ? () => tags(...args) : undefined;
      return cache.load(key, () => fn.apply(self, args as unknown[]), settings, tagged);
    } catch (error) {
      return Promise.reject(error);
    }
  };
  function call(this: unknown, ...args: Args): Promise<unknown> {
    return run(this, args, settings);
  }
  // A member is called on the function, or through `call` with the `this` of the function.
  const selfOf = (self: unknown) => (self === result ? undefined : self);
  const result: Cached<Args, unknown> = Object.assign(call, {
    keyFor: (...args: Args) => keys.make(args),
    peek: async (...args: Args) => space.cache().get(keys.make(args)),
    invalidate: async (...args: Args) => space.cache().delete(keys.make(args)),
    refresh(this: unknown, ...args: Args) {
      return run(selfOf(this), args, fresh);
    },
    clear: async () => space.cache().clearPattern(keys.glob()),
    stats: () => monitor.stats(),
  });
  Object.defineProperties(result, {
    name: { value: fn.name, configurable: true },
    length: { value: fn.length, configurable: true },
  });
  return result;
}

/** The cache of a function's results, and the name in its keys. */
interface Space {
  cache(): Cache;
  name: string;
}

function spaceOf(given: Cache | undefined, key: Options["key"], name: string | undefined, shown: string): Space {
  if (key !== undefined || name !== undefined) {
    return { cache: given === undefined ? defaultCache : () => given, name: name ?? "" };
  }
  if (given === undefined) {
    let own: Cache | undefined;
    return {
      cache: () => {
        own ??= new Cache();
        return own;
      },
      name: shown || "function",
    };
  }
  if (!given.isInMemory) {
    throw new TypeError(
      `isocache: the function ${quote(shown)} needs the option key or name, since its cache is over a shared store: ` +
        "its own name may be that of another function, and minifiers change it",
    );
  }
  const count = shared("functions", () => ({ last: 0 }));
  return { cache: () => given, name: `${shown || "function"}#${++count.last}` };
}

/** The keys of a function. */
interface Keys {
  make(args: Args): string;
  /** Their pattern, or a description. */
  readonly pattern: string;
  /** A glob that matches all of them. @throws TypeError if it is unknown. */
  glob(): string;
}

function keysOf(key: Options["key"], name: string): Keys {
  if (typeof key === "string") {
    const { texts, names } = parseTemplate(key);
    const unknown = names.find((name) => !/^\d+$/.test(name));
    if (unknown !== undefined) {
      throw new RangeError(
        `isocache: key ${quote(key)} names {${unknown}}, but arguments are known by position: write {0} for the first, ` +
          "or give key as a function of the arguments",
      );
    }
    return {
      // Arguments that the pattern does not name are not part of the key.
      make: remembering((args) => fill(texts, names, (name) => escapedValue(`argument ${name}`, args[Number(name)]))),
      pattern: key,
      glob: () => fill(texts.map(escapeGlob), names, () => "*"),
    };
  }
  checkFunction("key", key);
  if (key !== undefined) {
    return {
      make: (args) => key(...args),
      pattern: "(made by a function)",
      glob() {
        throw new TypeError(
          "isocache: keys that a function makes cannot be cleared; give key as a pattern, as user:{0}",
        );
      },
    };
  }
  // Checks the name.
  const glob = globOf(name);
  return { make: remembering((args) => keyOf(name, args)), pattern: `${name}:*`, glob: () => glob };
}

/** Remembers the keys for single numbers and short strings: a lookup is much faster than making the key again. */
function remembering(make: (args: Args) => string): (args: Args) => string {
  const known = new Map<unknown, string>();
  return (args) => {
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
