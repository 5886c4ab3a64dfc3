/** The types of cached functions and methods. */

import type { Cache } from "../cache.js";
import type { Loaded } from "./loaded.js";
import type { LoadStats } from "./monitor.js";
import type { LoadOptions } from "./options.js";

/** How the results of a function are cached. */
export interface CachedOptions<A extends readonly unknown[], R> extends Omit<LoadOptions<R>, "tags"> {
  /** The tags of a result, for `invalidateTags`: a list, or a function of the arguments. */
  tags?: readonly string[] | ((...args: A) => readonly string[]) | undefined;
  /**
   * Where the results are kept. Default: `defaultCache()`. Without a `key` and a `name`, each function has its own
   * cache in memory; for methods, each instance has one.
   */
  cache?: Cache | undefined;
  /**
   * The key of a call: a pattern with the positions of arguments, such as `"user:{0}"`, or a function of the arguments.
   * Default: the `name` and a hash of all arguments.
   */
  key?: string | ((...args: A) => string) | undefined;
  /** The name of the function in statistics, events and warnings, and in keys if there is no `key`. */
  name?: string | undefined;
}

/** The members of a cached function. */
export interface CachedMembers<A extends readonly unknown[], R> {
  /** The key of a call, without the namespaces of the cache. */
  keyFor(...args: A): string;
  /** The cached result of a call; `undefined` if there is none. The function is not called. */
  peek(...args: A): Promise<R | undefined>;
  /** Removes the cached result of a call; true if there was one. A load in progress is not stored. */
  invalidate(...args: A): Promise<boolean>;
  /** Calls the function even if a result is cached, and stores the result. */
  refresh(...args: A): Promise<R>;
  /** Removes all cached results of the function, and returns how many there were. Rejects if `key` is a function. */
  clear(): Promise<number>;
  /** Returns the statistics of the calls. */
  stats(): LoadStats;
}

/** A function whose results are cached. */
export interface Cached<A extends readonly unknown[], R> extends CachedMembers<A, R> {
  (...args: A): Promise<R>;
}

/** A function that `cached` accepts. */
export type AnyFunction = (...args: never[]) => unknown;

/** The type of the results of a function. */
export type ResultOf<F extends AnyFunction> = Exclude<Awaited<ReturnType<F>>, Loaded<unknown>> | LoadedBy<F>;

type LoadedBy<F extends AnyFunction> =
  Extract<Awaited<ReturnType<F>>, Loaded<unknown>> extends Loaded<infer V> ? V : never;

/**
 * The type of a cached function: the function with its overloads and type parameters, plus the members. TypeScript does
 * not change the type of a decorated method, so cast it: `(users.find as CachedFunction<Users["find"]>)`.
 */
export type CachedFunction<F extends AnyFunction> = F extends (...args: never[]) => Promise<infer R>
  ? [Extract<R, Loaded<unknown>>] extends [never]
    ? F & CachedMembers<Parameters<F>, R>
    : Cached<Parameters<F>, ResultOf<F>>
  : Cached<Parameters<F>, ResultOf<F>>;

/** The part of a method decorator's context that `cached` uses. */
export interface MethodContext {
  readonly kind: string;
  readonly name: string | symbol;
  readonly private?: boolean;
  addInitializer?(initializer: (this: unknown) => void): void;
}

/** A method decorator, both for the standard and for TypeScript's `experimentalDecorators`. */
export interface CachedDecorator {
  <M extends (...args: never[]) => Promise<unknown>>(method: M, context: MethodContext): M;
  <M extends (...args: never[]) => Promise<unknown>>(
    target: object,
    name: string | symbol,
    descriptor: TypedPropertyDescriptor<M>,
  ): TypedPropertyDescriptor<M>;
}
