/** Which flights the code that runs now belongs to, so that a loader that asks for its own key does not wait for itself. */

import type { Flight } from "./single-flight.js";

/** What Node, Deno, Bun and workerd (with `nodejs_compat`) have: it follows a loader through its promises. */
interface Storage {
  run<R>(store: readonly Flight[], work: () => R): R;
  getStore(): readonly Flight[] | undefined;
  /** Stops following, until the next `run`. */
  disable?: (() => void) | undefined;
}

interface Platform {
  process?: {
    getBuiltinModule?: (name: string) => { AsyncLocalStorage?: new () => Storage } | undefined;
  };
}

/** Elsewhere, as in browsers: only while a loader runs before its first `await`. */
class Synchronous implements Storage {
  #now: readonly Flight[] = [];

  run<R>(store: readonly Flight[], work: () => R): R {
    const before = this.#now;
    this.#now = store;
    try {
      return work();
    } finally {
      this.#now = before;
    }
  }

  getStore(): readonly Flight[] {
    return this.#now;
  }
}

let storage: Storage | undefined;
/** Loaders that run. */
let running = 0;

/** Made at the first load: edge workers allow little while modules load. */
function current(): Storage {
  if (storage === undefined) {
    const Found = (globalThis as Platform).process?.getBuiltinModule?.("async_hooks")?.AsyncLocalStorage;
    storage = Found ? new Found() : new Synchronous();
  }
  return storage;
}

export function isInside(flight: Flight): boolean {
  return current().getStore()?.includes(flight) ?? false;
}

/** Runs a loader as part of its flight. When it has ended, `exit` must be called. */
export function enter<R>(flight: Flight, work: () => R): R {
  running++;
  const storage = current();
  return storage.run([...(storage.getStore() ?? []), flight], work);
}

/**
 * Says that a loader has ended. When none runs, nothing is followed: up to version 23, Node takes three times as long for
 * every promise of the program while something is.
 */
export function exit(): void {
  running--;
  if (running === 0 && storage?.disable) {
    try {
      storage.disable();
    } catch {
      // workerd has no such method that works, nor needs it.
      storage.disable = undefined;
    }
  }
}
