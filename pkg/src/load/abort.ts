/** One listener per `AbortSignal`, no matter how many callers use it: Node warns of a leak from the eleventh on. */

import type { AbortSignalLike } from "../http/types.js";

interface Waiting {
  readonly callbacks: Set<() => void>;
  readonly listener: () => void;
}

const waiting = /* @__PURE__ */ new WeakMap<AbortSignalLike, Waiting>();

/** Calls `callback` once when the signal is aborted. The returned function removes it. */
export function onAbort(signal: AbortSignalLike, callback: () => void): () => void {
  const { callbacks, listener } = waiting.get(signal) ?? begin(signal);
  if (callbacks.size === 0) {
    signal.addEventListener("abort", listener);
  }
  // A caller may register a function twice and remove it once.
  const own = () => callback();
  callbacks.add(own);
  return () => {
    if (callbacks.delete(own) && callbacks.size === 0) {
      signal.removeEventListener("abort", listener);
    }
  };
}

function begin(signal: AbortSignalLike): Waiting {
  const callbacks = new Set<() => void>();
  const listener = () => {
    signal.removeEventListener("abort", listener);
    const all = [...callbacks];
    callbacks.clear();
    for (const callback of all) {
      callback();
    }
  };
  const begun = { callbacks, listener };
  waiting.set(signal, begun);
  return begun;
}
