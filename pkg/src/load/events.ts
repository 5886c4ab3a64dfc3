/** What happens while values are loaded, told to whoever listens. */

/** What is told of every event. */
interface Told {
  /** The key, with all namespaces in front. */
  readonly key: string;
  /** The name of the function, where `cached` made the call. */
  readonly name: string | undefined;
}

/** What listeners are told, by event. */
export interface CacheEvents {
  /** A loader has ended: with a value, or with the `error`. */
  load: Told & {
    /** How long it took. */
    readonly milliseconds: number;
    /** Whether it ran behind callers who had been answered. */
    readonly background: boolean;
    readonly error?: unknown;
  };
  /** A value that is no longer fresh was answered. */
  stale: Told;
  /** The provider failed, and the loader answered in its place. */
  bypass: Told & { readonly error: unknown };
}

export const EVENTS: readonly string[] = ["load", "stale", "bypass"] satisfies (keyof CacheEvents)[];

type Listener<E extends keyof CacheEvents> = (event: CacheEvents[E]) => void;

/** The listeners of a cache and its namespaces. */
export class Events {
  readonly #listeners = new Map<keyof CacheEvents, Set<Listener<never>>>();

  /** Begins to tell `listener`; what is returned ends it. */
  on<E extends keyof CacheEvents>(event: E, listener: Listener<E>): () => void {
    // One function may listen twice, and stop once.
    const own = (told: CacheEvents[E]) => listener(told);
    const listeners = this.#listeners.get(event) ?? new Set();
    this.#listeners.set(event, listeners.add(own));
    return () => {
      listeners.delete(own);
    };
  }

  emit<E extends keyof CacheEvents>(event: E, told: CacheEvents[E]): void {
    for (const listener of this.#listeners.get(event) ?? []) {
      // Whoever waits for a value is not to pay for who listens.
      try {
        const answer: unknown = (listener as Listener<E>)(told);
        if (answer instanceof Promise) {
          answer.catch(report);
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
