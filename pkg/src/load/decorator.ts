/** `@cached`: methods whose results are cached. */

import { Cache } from "../cache.js";
import type { Cached, CachedDecorator, CachedMembers, CachedOptions, MethodContext } from "./cached-types.js";

type Args = readonly unknown[];
type Method = (this: unknown, ...args: Args) => unknown;
type Wrap = (fn: (...args: Args) => unknown, options: CachedOptions<Args, unknown>) => Cached<Args, unknown>;

/** Creates the decorator; `wrap` creates a cached function. */
export function decorator(options: CachedOptions<Args, unknown>, wrap: Wrap): CachedDecorator {
  if (options.cache !== undefined && options.key === undefined) {
    throw new TypeError(
      "isocache: methods that share a cache need the option key: without it, instances would share their results",
    );
  }
  const apply = (first: unknown, second: unknown, descriptor?: PropertyDescriptor): unknown => {
    if (descriptor === undefined) {
      const { kind, name, private: isPrivate, addInitializer } = second as MethodContext;
      if (kind !== "method") {
        throw new TypeError(`isocache: @cached is for methods, not for a ${kind}`);
      }
      const { method, bind } = decorated(first as Method, name, options, wrap);
      if (!isPrivate) {
        addInitializer?.call(second, function (this: unknown) {
          bind(this);
        });
      }
      return method;
    }
    if (typeof descriptor.value !== "function") {
      throw new TypeError("isocache: @cached is for methods");
    }
    const { first: method } = decorated(descriptor.value as Method, second as string | symbol, options, wrap);
    descriptor.value = method;
    return descriptor;
  };
  return apply as unknown as CachedDecorator;
}

/**
 * Returns the method that replaces `original`, and a function that gives an instance its own property, so that the
 * members know their instance.
 */
function decorated(original: Method, key: string | symbol, options: CachedOptions<Args, unknown>, wrap: Wrap) {
  const name = options.name ?? String(key);
  // Results in one cache under an explicit key do not depend on the instance.
  const common = options.cache && wrap(original, { ...options, name });
  const known = new WeakMap<object, Cached<Args, unknown>>();
  const of = (instance: unknown, member = ""): Cached<Args, unknown> => {
    if (common !== undefined) {
      return common;
    }
    if (!isObject(instance)) {
      const call = member === "" ? `${name}.call` : `${name}.${member}.call`;
      throw new TypeError(`isocache: the method ${name} needs its instance: instance.${call}(instance, …)`);
    }
    let own = known.get(instance);
    if (own === undefined) {
      own = wrap(original, { ...options, name, cache: new Cache() });
      known.set(instance, own);
    }
    return own;
  };
  /** The function with members that find the instance by `instanceOf`. */
  const withMembers = (call: Method, instanceOf: (self: unknown, member: string) => unknown): Method => {
    const later = (member: "peek" | "invalidate" | "refresh" | "clear") =>
      async function (this: unknown, ...args: Args) {
        const instance = instanceOf(this, member);
        return (of(instance, member)[member] as Method).apply(instance, args as unknown[]);
      };
    const members: CachedMembers<Args, unknown> = {
      keyFor(this: unknown, ...args) {
        return of(instanceOf(this, "keyFor"), "keyFor").keyFor(...args);
      },
      peek: later("peek"),
      invalidate: later("invalidate") as CachedMembers<Args, unknown>["invalidate"],
      refresh: later("refresh"),
      clear: later("clear") as CachedMembers<Args, unknown>["clear"],
      stats(this: unknown) {
        return of(instanceOf(this, "stats"), "stats").stats();
      },
    };
    Object.defineProperties(call, {
      name: { value: original.name, configurable: true },
      length: { value: original.length, configurable: true },
    });
    return Object.assign(call, members);
  };
  const ours = new WeakSet<object>();
  const method = withMembers(
    function (this: unknown, ...args) {
      try {
        return of(this).apply(this, args as unknown[]);
      } catch (error) {
        return Promise.reject(error);
      }
    },
    (self) => (ours.has(self as object) ? undefined : self),
  );
  ours.add(method);
  /** For decorators that do not see instances: each instance is bound by its first call. */
  const first = withMembers(
    function (this: unknown, ...args) {
      bind(this);
      return method.apply(this, args as unknown[]);
    },
    (self) => (ours.has(self as object) ? undefined : self),
  );
  ours.add(first);
  const bind = (instance: unknown): void => {
    if (common !== undefined || !isObject(instance)) {
      return;
    }
    // A subclass may have a method of its own, which calls this one.
    const current = (instance as Record<string | symbol, unknown>)[key];
    if (!isOurs(current) || (Object.hasOwn(instance, key) && bound.has(current as object))) {
      return;
    }
    const own = withMembers(
      function (this: unknown, ...args) {
        if (this === undefined || this === instance) {
          return method.apply(instance, args as unknown[]);
        }
        // A subclass has results of its own.
        bind(this);
        return method.apply(this, args as unknown[]);
      },
      (self) => (ours.has(self as object) ? instance : self),
    );
    ours.add(own);
    bound.add(own);
    // This fails if the instance is frozen: its members must then be called with the instance.
    Reflect.defineProperty(instance, key, { value: own, configurable: true, writable: true, enumerable: false });
  };
  const bound = new WeakSet<object>();
  const isOurs = (value: unknown) => typeof value === "function" && ours.has(value);
  return { method, bind, first };
}

function isObject(value: unknown): value is object {
  return (typeof value === "object" && value !== null) || typeof value === "function";
}
