/** JSON. */

import { checkLossless } from "./lossless.js";
import type { TextSerializer } from "./serializer.js";

const JSON_FORMAT = { name: "JSON", carries: () => false };

/**
 * The default: values are stored as plain JSON, which any other client of the store can read. A value that JSON would
 * lose or change is refused with a `TypeError` that names its path, such as `$.user.tags[3]`: `BigInt`, `Map`, `Set`,
 * `Date`, typed arrays, `NaN` and infinities, `undefined` in an object or array, functions, symbols, cycles, and
 * instances of classes. (`-0` becomes `0`, which is equal.)
 */
export const jsonSerializer: TextSerializer = {
  format: "text",
  serialize(value: unknown): string {
    checkLossless(value, JSON_FORMAT);
    return JSON.stringify(value);
  },
  deserialize: (text: string): unknown => JSON.parse(text),
  envelope: "JSON",
};
