/** Text. */

import { isWellFormed, wrongType } from "../check.js";
import type { TextSerializer } from "./serializer.js";

/**
 * Values are texts, stored unchanged, which is what other clients of the store read and write. A value that is not a
 * string is refused with a `TypeError`.
 */
export const textSerializer: TextSerializer = {
  format: "text",
  serialize(value: unknown): string {
    if (typeof value !== "string") {
      throw wrongType('a value of the serializer "text"', "a string", value);
    }
    if (!isWellFormed(value)) {
      throw new RangeError('isocache: a value of the serializer "text" contains half of a surrogate pair');
    }
    return value;
  },
  deserialize: (text: string): unknown => text,
  envelope: null,
};
