/**
 * Tracks the loads that the running code belongs to, so that a loader that requests its own key does not wait for
 * itself.
 */

import { builtinModule } from "../platform.js";
import { shared } from "../shared.js";
import type { Flight } from "./single-flight.js";

/**
 * A running loader, and the loader that called it. Once it has ended it holds nothing, since timers of the loader may
 * keep it alive.
 */
interface Place {
  /** `undefined` once the loader has ended. */
  flight: Flight | undefined;
  /** The loader that called this one. */
  outer: Place | undefined;
}

/** `AsyncLocalStorage` of Node, Deno, Bun and workerd (with `nodejs_compat`), which follows a loader through its promises. */
interface Storage {
  run<R>(store: Place, work: () => R): R;
  getStore(): Place | undefined;
  /** Stops following, until the next `run`. */
  disable?: (() => void) | undefined;
}

/** A global in edge runtimes, and a member of a module elsewhere. */
interface Async {
  readonly AsyncLocalStorage?: new () => Storage;
}

/** For other platforms, such as browsers: follows a loader only until its first `await`. */
class Synchronous implements Storage {
  #now: Place | undefined;

  run<R>(store: Place, work: () => R): R {
    const before = this.#now;
    this.#now = store;
    try {
      return work();
    } finally {
      this.#now = before;
    }
  }

  getStore(): Place | undefined {
    return this.#now;
  }
}

/** Shared by all copies of the package: a loader of one may use a cache of another. */
interface State {
  /** Created at the first load: edge workers allow little while modules load. */
  storage: Storage | undefined;
  /** The number of running loaders. */
  running: number;
}

let known: State | undefined;

function state(): State {
  known ??= shared<State>("active-loads", () => ({ storage: undefined, running: 0 }));
  return known;
}

/** The innermost loader that has not ended. */
function active(place: Place | undefined): Place | undefined {
  let found = place;
  while (found !== undefined && found.flight === undefined) {
    found = found.outer;
  }
  return found;
}

/** Whether the running code belongs to the loader of this flight. */
export function isInside(flight: Flight): boolean {
  const { storage, running } = state();
  if (running === 0) {
    return false;
  }
  for (let place = storage?.getStore(); place !== undefined; place = place.outer) {
    if (place.flight === flight) {
      return true;
    }
  }
  return false;
}

/** Registers a loader that is about to run. `leave` removes it. */
export function enter(flight: Flight): Place {
  const now = state();
  if (now.storage === undefined) {
    const Found = (globalThis as Async).AsyncLocalStorage ?? builtinModule<Async>("async_hooks")?.AsyncLocalStorage;
    now.storage = Found ? new Found() : new Synchronous();
  }
  now.running++;
  return { flight, outer: active(now.storage.getStore()) };
}

/** Runs a registered loader. */
export function runAt<R>(place: Place, loader: () => R): R {
  return (state().storage as Storage).run(place, loader);
}

/**
 * Removes a loader. When no loader runs, tracking stops: in Node up to version 23, every promise of the program takes
 * three times as long while anything is tracked.
 */
export function leave(place: Place): void {
  place.flight = undefined;
  place.outer = active(place.outer);
  const now = state();
  now.running--;
  if (now.running === 0 && now.storage?.disable) {
    try {
      now.storage.disable();
    } catch {
      // In workerd this method does not work, and is not needed.
      now.storage.disable = undefined;
    }
  }
}
