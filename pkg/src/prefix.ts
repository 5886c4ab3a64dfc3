/** Namespaces and patterns as texts. This needs no wasm. */

import { checkText } from "./check.js";

/** A namespace as a prefix of keys: with one `:` at its end, however it was written. */
export function prefixOf(namespace: string): string {
  checkText(namespace);
  return namespace.endsWith(":") ? namespace : `${namespace}:`;
}

/** Escapes `text` to a pattern that matches only the text itself. */
export function escapeGlob(text: string): string {
  return text.replace(/[*?[\]\\]/g, "\\$&");
}

/** The only key that a pattern matches; `undefined` for a pattern with wildcards. */
export function literalOf(pattern: string): string | undefined {
  const isLiteral = !/[*?[]/.test(pattern.replace(/\\./gs, ""));
  // A backslash at the very end stands for itself.
  return isLiteral ? pattern.replace(/\\(.)/gs, "$1") : undefined;
}
