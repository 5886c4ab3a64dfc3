/** The text of a key pattern. The Rust crate `isocache-key-pattern` describes its grammar. */

import { quote, wrongType } from "../check.js";

/** Literal texts, and the names of the parameters between them: one more text than names. */
export interface Template {
  readonly texts: readonly string[];
  readonly names: readonly string[];
}

const NAME = /^\w+(\.\w+)*$/;

/** Splits a pattern into its parts. @throws TypeError or RangeError for an invalid pattern. */
export function parseTemplate(pattern: unknown): Template {
  if (typeof pattern !== "string") {
    throw wrongType("pattern", "a string", pattern);
  }
  const texts = [""];
  const names: string[] = [];
  const refuse = (reason: string, at = 0): never => {
    throw new RangeError(
      `isocache: pattern ${quote(pattern)}: ${reason}, at character ${[...pattern.slice(0, at)].length + 1}`,
    );
  };
  const literal = pattern.indexOf("${");
  if (literal >= 0) {
    refuse("a key pattern is not a template literal: leave the $ out, as in user:{id}, or give a function", literal);
  }
  for (const { 0: piece, index } of pattern.matchAll(/\{\{|\}\}|\{[^{}]*\}|[{}]|[^{}]+/g)) {
    if (piece === "{" || piece === "}") {
      refuse(
        `there is a ${piece} without its ${piece === "{" ? "}" : "{"} (for a brace, write ${piece}${piece})`,
        index,
      );
    }
    const name = piece.slice(1, -1);
    if (!piece.startsWith("{") || piece === "{{") {
      texts[names.length] += piece === "{{" || piece === "}}" ? piece.charAt(0) : piece;
    } else if (!NAME.test(name)) {
      refuse("the name of a parameter has letters, digits and _, with dots between words", index + 1);
    } else if (names.length > 0 && !texts[names.length]?.includes(":")) {
      refuse("between this parameter and the one before it, there must be a :", index);
    } else if (names.includes(name)) {
      refuse("this parameter is there already", index);
    } else {
      names.push(name);
      texts.push("");
    }
  }
  if (texts.join("") === "") {
    refuse("a pattern needs some literal text, to distinguish its keys from others", 0);
  }
  return { texts, names };
}

/** Inserts values between the texts. */
export function fill(texts: readonly string[], names: readonly string[], textOf: (name: string) => string): string {
  return names.reduce((filled, name, at) => filled + textOf(name) + texts[at + 1], texts[0] as string);
}
