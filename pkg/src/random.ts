/** Random bytes and names. Elsewhere, `Math.random` chooses times and samples. */

import { builtinModule } from "./platform.js";

interface Source {
  getRandomValues?<T extends Uint8Array | Uint32Array>(numbers: T): T;
}

/** Missing in React Native and in Node 18. */
const here = (): Source | undefined => (globalThis as { readonly crypto?: Source }).crypto;

/**
 * Bytes that nobody can guess.
 *
 * @throws Error where the platform has none.
 */
export function secretBytes(length: number): Uint8Array {
  const from = here() ?? builtinModule<{ readonly webcrypto?: Source }>("crypto")?.webcrypto;
  if (typeof from?.getRandomValues !== "function") {
    throw new Error(
      "isocache: a session needs crypto.getRandomValues, which this environment lacks (React Native and Node 18 do); provide it as globalThis.crypto",
    );
  }
  return from.getRandomValues(new Uint8Array(length));
}

/** A name that no other caller gets. It is no secret, so it may come from `Math.random`. */
export function uniqueName(): string {
  const numbers = new Uint32Array(4);
  const random = here()?.getRandomValues?.(numbers) ?? numbers.map(() => Math.random() * 2 ** 32);
  return Array.from(random, (part) => part.toString(36)).join("");
}
