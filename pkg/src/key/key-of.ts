/** The default key of a function: its name and a hash of its arguments. */

import { checkList, isWellFormed, quote, wrongType } from "../check.js";
import { escapeGlob } from "../prefix.js";
import { canonical } from "./canonical.js";
import { sha256 } from "./sha256.js";

/** Hashes of short texts: a lookup takes a small part of the time of a hash. */
const known = /* @__PURE__ */ new Map<string, string>();
const MAX_KNOWN = 1000;
const MAX_KNOWN_LENGTH = 100;

/** 192 bits of the hash of a text, as 32 characters of base64url. */
function hashed(text: string): string {
  let hash = known.get(text);
  if (hash === undefined) {
    const words = sha256(text);
    let bytes = "";
    for (let at = 0; at < 24; at++) {
      bytes += String.fromCharCode(((words[at >> 2] as number) >>> (24 - 8 * (at & 3))) & 255);
    }
    hash = btoa(bytes).replaceAll("+", "-").replaceAll("/", "_");
    if (text.length <= MAX_KNOWN_LENGTH) {
      if (known.size === MAX_KNOWN) {
        known.clear();
      }
      known.set(text, hash);
    }
  }
  return hash;
}

/**
 * The key of a function call with these arguments: `name:` and 32 characters, which are 192 bits of the SHA-256 of the
 * arguments. Rust's `key_of` returns the same key for the same arguments.
 *
 * Arguments may be strings, numbers, bigints, booleans, `null`, `undefined`, dates, bytes (`Uint8Array`, `ArrayBuffer`),
 * and arrays and plain objects of those. Arguments with equal contents are equal:
 * - The order of the properties of an object does not matter. An `undefined` property counts as absent, and so does an
 *   `undefined` argument at the end. Elsewhere `undefined` differs from `null`.
 * - Numbers with equal values are equal, including `1` and `1n`, `0` and `-0`, and every `NaN`. `1` differs from `"1"`.
 *
 * ```js
 * import { keyOf } from "isocache";
 *
 * keyOf("users.find", ["Ada", 1]); // "users.find:zG05t8fsG7lXMkQJY3hRh1Hn0ERz9uF1"
 * keyOf("f", [{ a: 1, b: 2 }]) === keyOf("f", [{ b: 2, a: 1 }]); // true
 * keyOf("f", ["a,b"]) === keyOf("f", ["a", "b"]); // false
 * ```
 *
 * @throws TypeError for a value without a canonical form, naming its place: a function, a symbol, an instance of a class
 * (including `Map` and `Set`), an invalid date, half of a surrogate pair. RangeError for an empty name, for more than 128
 * levels (as in a value that contains itself), and for more than 16 MiB.
 */
export function keyOf(name: string, args: readonly unknown[]): string {
  checkName(name);
  checkList("args", args);
  return `${name}:${hashed(canonical(args))}`;
}

/**
 * The glob that matches the keys that `keyOf` returns for a function with any arguments, and no keys of other
 * functions.
 *
 * @throws TypeError or RangeError for a name that is not a string, is empty, or is not well-formed.
 */
export function globOf(name: string): string {
  checkName(name);
  return `${escapeGlob(name)}:${"?".repeat(32)}`;
}

function checkName(name: unknown): asserts name is string {
  if (typeof name !== "string") {
    throw wrongType("name", "a string", name);
  }
  if (name === "" || !isWellFormed(name)) {
    throw new RangeError(
      `isocache: name ${quote(name)} is ${name ? "no text: it has half of a surrogate pair" : "empty"}`,
    );
  }
}
