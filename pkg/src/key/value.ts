/** A value in a key pattern. */

import { isWellFormed, quote, wrongType } from "../check.js";

/** The text of `value`, with escapes for characters that separate segments or have a meaning in a glob. */
export function escapedValue(name: string, value: unknown): string {
  if (typeof value === "number" && !Number.isSafeInteger(value)) {
    throw new RangeError(`isocache: ${name} must be a safe integer, not ${value}; give its text, or a bigint`);
  }
  if (!/^(string|number|bigint|boolean)$/.test(typeof value)) {
    throw wrongType(name, "a string, an integer, a bigint or a boolean", value);
  }
  const text = String(value);
  if (!isWellFormed(text)) {
    throw new RangeError(
      `isocache: ${name} ${quote(text)} contains half of a surrogate pair, which UTF-8 cannot express`,
    );
  }
  return text.replace(/[:%*?[\]\\]/g, (special) => `%${special.charCodeAt(0).toString(16).toUpperCase()}`);
}
