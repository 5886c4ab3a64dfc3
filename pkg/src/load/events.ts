/** The events of loads, for listeners. */

import { quote, wrongType } from "../check.js";

/** The properties of every event of a call. */
interface OfCall {
  /** The key with all namespaces. */
  readonly key: string;
  /** The name of the function, if the call was made by a cached function. */
  readonly name: string | undefined;
}

/** The details of each event. */
export interface CacheEvents {
  /** A loader has ended, with a value or with `error`. */
  load: OfCall & {
    /** How long it took. */
    readonly milliseconds: number;
    /** Whether it ran in the background, after the callers had a value. */
    readonly background: boolean;
    readonly error?: unknown;
  };
  /** A stale value was returned. */
  stale: OfCall;
  /** The provider failed, and the loader answered in its place. */
  bypass: OfCall & { readonly error: unknown };
  /**
   * A function or a group of keys does not benefit from its cache: the provider fails, or there was no hit in 100
   * loads. Emitted once for each function and cause. Without a listener, the warning is written to the console.
   */
  warning: OfCall & {
    /** The pattern of the keys, such as `user:{0}`. */
    readonly pattern: string;
    /** The cause and the remedy. */
    readonly message: string;
    readonly error?: unknown;
  };
}

const EVENTS: readonly string[] = ["load", "stale", "bypass", "warning"] satisfies (keyof CacheEvents)[];

type Listener<E extends keyof CacheEvents> = (event: CacheEvents[E]) => void;

/** The listeners of a cache and its namespaces. */
export class Events {
  readonly #listeners = new Map<keyof CacheEvents, Set<Listener<never>>>();

  /** Adds a listener. The returned function removes it. @throws TypeError for an unknown event. */
  on<E extends keyof CacheEvents>(event: E, listener: Listener<E>): () => void {
    if (!EVENTS.includes(event)) {
      throw new TypeError(`isocache: unknown event ${quote(event)}; the events are ${EVENTS.join(", ")}`);
    }
    if (typeof listener !== "function") {
      throw wrongType("listener", "a function", listener);
    }
    // A program may add a function twice and remove it once.
    const own = (details: CacheEvents[E]) => listener(details);
    const listeners = this.#listeners.get(event) ?? new Set();
    this.#listeners.set(event, listeners.add(own));
    return () => {
      listeners.delete(own);
    };
  }

  /** Whether an event has listeners. */
  has(event: keyof CacheEvents): boolean {
    return (this.#listeners.get(event)?.size ?? 0) > 0;
  }

  emit<E extends keyof CacheEvents>(event: E, details: CacheEvents[E]): void {
    for (const listener of this.#listeners.get(event) ?? []) {
      // A listener that fails must not fail the call.
      try {
        const result: unknown = (listener as Listener<E>)(details);
        if (result instanceof Promise) {
          result.catch(report);
        }
      } catch (error) {
        report(error);
      }
    }
  }
}

function report(error: unknown): void {
  console.warn("isocache: a listener failed:", error);
}
