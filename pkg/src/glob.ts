/** Matching keys against a glob. */

import { calls, startEngine, sync, words } from "./wasm.js";

/**
 * The `entries` whose key matches. Patterns are matched in wasm, so that they mean the same everywhere. The text before
 * the first special character is compared here, without copying the key.
 */
export function matching<E>(pattern: string, entries: Iterable<[key: string, of: E]>): [key: string, of: E][] {
  const special = pattern.search(/[*?[\\]/);
  const prefix = special < 0 ? pattern : pattern.slice(0, special);
  const candidates = [...entries].filter(([key]) => key.startsWith(prefix));
  if (special < 0) {
    return candidates.filter(([key]) => key === pattern);
  }
  if (pattern === `${prefix}*`) {
    return candidates;
  }
  startEngine();
  const glob = utf8(pattern);
  return candidates.filter(([key]) => matches(glob, utf8(key)));
}

function matches(pattern: Uint8Array, key: Uint8Array): boolean {
  const at = calls.engine_text(pattern.length + key.length) >>> 0;
  sync();
  if (at === 0) {
    throw new RangeError("isocache: out of memory while matching keys");
  }
  const memory = new Uint8Array(words.buffer);
  memory.set(pattern, at);
  memory.set(key, at + pattern.length);
  return calls.engine_matches(pattern.length, key.length) > 0;
}

function utf8(text: string): Uint8Array {
  // Jest's jsdom has no TextEncoder.
  return typeof TextEncoder === "function"
    ? new TextEncoder().encode(text)
    : Uint8Array.from(unescape(encodeURIComponent(text)), (byte) => byte.charCodeAt(0));
}
