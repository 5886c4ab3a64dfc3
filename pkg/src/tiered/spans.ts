/** Spans around the operations of a `TieredCache`. Without a tracer, none of this is called. */

import { isPromise } from "../promise.js";
import { mark } from "../shared.js";

/** The attributes of a span. */
type Attributes = Record<string, boolean | number | string>;

/** A span of a `CacheTracer`: a subset of the `Span` of OpenTelemetry. */
export interface CacheSpan {
  setAttribute(name: string, value: boolean | number | string): unknown;
  recordException?(error: unknown): unknown;
  setStatus?(status: { code: number }): unknown;
  end(): unknown;
}

/** Starts spans: an OpenTelemetry tracer, or any object with this method. */
export interface CacheTracer {
  startSpan(name: string, options: { attributes: Attributes }): CacheSpan;
}

/** The status code `ERROR` of OpenTelemetry. */
const FAILED = 2;
/** The names that tools recognize, the same as in Rust. */
const SPANS = {
  "cache.get": [
    ...["get", "getEntry", "getWithTtl", "getMany", "getEntries", "peekEntries", "readMany"],
    ...["has", "exists", "hasMany"],
  ],
  "cache.put": ["set", "setMany", "setIfAbsent", "replace", "setIfDead"],
  "cache.remove": ["delete", "deleteMany", "deleteManyEach", "getAndDelete", "takeEntry", "readAndDelete"],
  "cache.flush": ["clear", "clearPattern"],
};

/**
 * Wraps the methods of a cache in spans. `farLookups` returns the number of lookups that the store has answered.
 *
 * Spans never contain keys, which may be secret.
 */
export function trace(cache: object, tracer: CacheTracer, name: string, farLookups: () => number): void {
  let isWithin = false;
  for (const [span, methods] of Object.entries(SPANS)) {
    for (const method of methods) {
      const plain: unknown = Reflect.get(cache, method);
      if (typeof plain !== "function") {
        continue;
      }
      mark({ prototype: cache }, method, (...given: unknown[]) => {
        if (isWithin) {
          // A method that calls another one has one span.
          return plain.apply(cache, given);
        }
        const attributes: Attributes = { "cache.name": name };
        if (Array.isArray(given[0])) {
          attributes["cache.keys"] = given[0].length;
        }
        const started = tracer.startSpan(span, { attributes });
        const isLookup = span === "cache.get";
        const end = (result: unknown, tier: string) => {
          if (isLookup) {
            started.setAttribute("cache.hit", isHit(result));
            started.setAttribute("cache.tier", tier);
          }
          started.end();
          return result;
        };
        const fail = (error: unknown): never => {
          started.recordException?.(error);
          started.setStatus?.({ code: FAILED });
          started.end();
          throw error;
        };
        const before = farLookups();
        let result: unknown;
        isWithin = true;
        try {
          result = plain.apply(cache, given);
        } catch (error) {
          return fail(error);
        } finally {
          isWithin = false;
        }
        if (isPromise(result)) {
          return result.then((found) => end(found, "far"), fail);
        }
        return end(result, farLookups() === before ? "near" : "far");
      });
    }
  }
}

/** Whether a lookup found a value or a fresh entry; for several keys, whether it found all of them. */
function isHit(result: unknown): boolean {
  if (Array.isArray(result)) {
    return result.every(isHit);
  }
  const { freshFor } = (result ?? {}) as { freshFor?: number | null };
  return result !== undefined && result !== false && !(typeof freshFor === "number" && freshFor <= 0);
}
