/** Key patterns, which turn values into a key or into a glob of many keys. */

import { checkObject, quote } from "../check.js";
import { escapeGlob } from "../prefix.js";
import { fill, parseTemplate } from "./template.js";
import { escapedValue } from "./value.js";

/**
 * A value in a key. Only its text matters: `7` and `"7"` give the same key. A number must be a safe integer, because
 * the texts of other numbers differ between languages.
 */
export type KeyValue = string | number | bigint | boolean;

/** The names of the parameters in a pattern. */
type Names<P extends string> = P extends `${string}{${infer Rest}`
  ? Rest extends `{${infer After}`
    ? Names<After>
    : Rest extends `${infer Name}}${infer After}`
      ? Name | Names<After>
      : never
  : never;

/** The values of a pattern, by the names of its parameters. */
export type KeyParams<P extends string> = string extends P
  ? Record<string, KeyValue>
  : { [Name in Names<P>]: KeyValue };

/** Keys of one form, created by `keyPattern`. */
export interface KeyPattern<P extends string = string> {
  /**
   * The key for these values.
   *
   * @throws TypeError or RangeError for a missing or unknown value, and for one that is not a text, a safe integer, a bigint or
   * a boolean.
   */
  (
    ...params: string extends P ? [params?: KeyParams<P>] : [Names<P>] extends [never] ? [] : [params: KeyParams<P>]
  ): string;
  /**
   * The glob of all keys with these values; a parameter without a value becomes `*`. Among keys with the same number of
   * `:` it matches no others. It also matches keys with more segments: `user:*` matches `user:7:posts`.
   */
  glob(params?: { [Name in keyof KeyParams<P>]?: KeyValue | undefined }): string;
  /** The pattern as written. */
  readonly pattern: P;
}

/**
 * A pattern for keys: literal text with parameters in braces. The compiler checks the parameters.
 *
 * Values are escaped: each of `:` `%` `*` `?` `[` `]` `\` becomes `%` and two hexadecimal digits, so that no value extends
 * into another segment or widens a glob. Rust's `KeyPattern` gives the same keys.
 *
 * `{{` and `}}` stand for braces. There must be a `:` between two parameters, no parameter may occur twice, and there
 * must be some literal text.
 *
 * ```js
 * import { keyPattern } from "isocache";
 *
 * const rate = keyPattern("rate:{ip}:{endpoint}");
 * rate({ ip: "::1", endpoint: "/login" }); // "rate:%3A%3A1:/login"
 * rate.glob({ ip: "::1" }); // "rate:%3A%3A1:*"
 * ```
 *
 * @throws RangeError for an invalid pattern; the message names the fault and its position.
 */
export function keyPattern<const P extends string>(pattern: P): KeyPattern<P> {
  const { texts, names } = parseTemplate(pattern);
  const globs = texts.map(escapeGlob);
  const key = (params: Record<string, unknown>, isGlob = false): string => {
    checkObject("params", params);
    for (const name of Object.keys(params)) {
      if (!names.includes(name)) {
        throw new TypeError(`isocache: the pattern ${quote(pattern)} has no parameter ${quote(name)}`);
      }
    }
    return fill(isGlob ? globs : texts, names, (name) => {
      const value = Object.hasOwn(params, name) ? params[name] : undefined;
      return isGlob && value === undefined ? "*" : escapedValue(name, value);
    });
  };
  return Object.assign((params = {}) => key(params), {
    glob: (params = {}) => key(params, true),
    pattern,
  }) as KeyPattern<P>;
}
