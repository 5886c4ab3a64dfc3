/** Checks of arguments. Every error names the argument, its value and the remedy. */

const MAX_KEY_BYTES = 65_536;

/** Throws unless `key` is a string of 1 byte to 64 KiB in UTF-8. */
export function checkKey(key: unknown): asserts key is string {
  if (typeof key !== "string") {
    throw wrongType("key", "a string", key);
  }
  // No character takes more than three bytes for each unit of `length`.
  if (key.length === 0 || (key.length > MAX_KEY_BYTES / 3 && utf8Length(key) > MAX_KEY_BYTES)) {
    throw new RangeError(
      `isocache: key ${quote(key)} has ${utf8Length(key)} bytes; keys have 1 to ${MAX_KEY_BYTES}, longer ones can be hashed`,
    );
  }
}

/** Throws unless an entry may have this key: it must also be expressible in UTF-8. */
export function checkText(key: unknown): asserts key is string {
  checkKey(key);
  if (!isWellFormed(key)) {
    throw new RangeError(`isocache: key ${quote(key)} contains half of a surrogate pair, which UTF-8 cannot express`);
  }
}

/** Throws unless `pattern` is a non-empty string. */
export function checkPattern(pattern: unknown): asserts pattern is string {
  if (typeof pattern !== "string") {
    throw wrongType("pattern", "a string", pattern);
  }
  if (pattern === "" || !isWellFormed(pattern)) {
    throw new RangeError(
      `isocache: pattern ${quote(pattern)} ${pattern ? "contains half of a surrogate pair" : 'is empty; "*" matches every key'}`,
    );
  }
}

/** Throws unless `list` is an array. */
export function checkList(name: string, list: unknown): void {
  if (!Array.isArray(list)) {
    throw wrongType(name, "an array", list);
  }
}

/** Throws unless `keys` is an array of keys. */
export function checkKeys(keys: readonly unknown[]): void {
  checkList("keys", keys);
  keys.forEach(checkKey);
}

/** Throws if `value` is `undefined`, which means that there is no entry. */
export function checkValue(key: unknown, value: unknown): void {
  if (value === undefined) {
    throw new TypeError(
      `isocache: value of key ${quote(key)} is undefined, which means that there is no entry; store null, or use delete`,
    );
  }
}

/** Returns `value` if it is an integer from `least` to `most`, and throws otherwise. */
export function checkInteger(name: string, value: unknown, least: number, most: number, or = ""): number {
  if (typeof value !== "number") {
    throw wrongType(name, "a number", value);
  }
  if (!(Number.isInteger(value) && value >= least && value <= most)) {
    throw new RangeError(`isocache: ${name} must be a whole number from ${least} to ${most}${or}, not ${value}`);
  }
  return value;
}

/** Throws unless `value` is a function or `undefined`. */
export function checkFunction(name: string, value: unknown): void {
  if (value !== undefined && typeof value !== "function") {
    throw wrongType(name, "a function", value);
  }
}

/** Throws unless `value` is one of `choices`. */
export function checkOneOf(name: string, value: unknown, choices: readonly unknown[]): void {
  if (!choices.includes(value)) {
    throw wrongType(name, choices.map(quote).join(" or "), value);
  }
}

/** Throws unless `value` is an object. */
export function checkObject(name: string, value: unknown): asserts value is object {
  if (typeof value !== "object" || value === null) {
    throw wrongType(name, "an object", value);
  }
}

/** Throws unless `options` is an object and, if `known` is given, has no other names. */
export function checkOptions(options: unknown, known?: readonly string[]): void {
  checkObject("options", options);
  let isEmpty = true;
  // Not `Object.keys`, which allocates: this is called for each `set` with options.
  for (const name in options) {
    isEmpty = false;
    if (known && !known.includes(name)) {
      throw new TypeError(
        `isocache: unknown option ${quote(name)}${suggestion(name, known)}; the options are ${known.join(", ")}`,
      );
    }
  }
  // A date, a promise or a map has no own options, but is not meant as an empty object.
  if (isEmpty && Object.prototype.toString.call(options) !== "[object Object]") {
    throw wrongType("options", "an object", options);
  }
}

/** Names of options in other caches and in Redis, and ours. */
const ALIASES: readonly [RegExp, string][] = [
  [/^swr$|reval|grace/i, "staleWhileRevalidate"],
  [/^sie$|error/i, "staleIfError"],
  [/^(e?x|px)$|ttl|age|expir|lifetime|timeToLive/i, "ttl"],
  [/^max_?(size|memory|weight)$/i, "maxBytes"],
  [/^(max|size|capacity|limit|(max_?)?(keys|items|length))$/i, "maxEntries"],
  [/calculat|weigh|length|size/i, "sizeOf"],
  [/dispose|evict|remov/i, "onRemoval"],
];

/** The known name that was probably meant, as part of a sentence. */
function suggestion(name: string, known: readonly string[]): string {
  const [given, long] = [name.toLowerCase(), name.length > 2];
  const near =
    known.find((one) => isWithin(given, one.toLowerCase(), one.length > 4 ? 2 : 1)) ??
    known.find((one) => long && one.toLowerCase().startsWith(given));
  const meant = near ?? ALIASES.find(([alias, one]) => alias.test(name) && known.includes(one))?.[1];
  return meant ? `, did you mean ${meant}?` : "";
}

/** Whether `b` differs from `a` by at most `edits` letters that were added, removed, changed or swapped. */
function isWithin(a: string, b: string, edits: number): boolean {
  if (a === b) {
    return true;
  }
  const [restA, restB] = [a.slice(1), b.slice(1)];
  if (a[0] === b[0]) {
    return isWithin(restA, restB, edits);
  }
  return (
    edits > 0 &&
    ((a[0] === b[1] && a[1] === b[0] && isWithin(a.slice(2), b.slice(2), edits - 1)) ||
      [restA, a].some((one) => [restB, b].some((other) => one + other !== a + b && isWithin(one, other, edits - 1))))
  );
}

/** The error for an argument of the wrong type, or for a string of the wrong form. */
export function wrongType(name: string, wanted: string, value: unknown): TypeError {
  const isShown = value === null || ["string", "number", "boolean", "undefined"].includes(typeof value);
  const kind = typeof value === "object" ? Object.prototype.toString.call(value).slice(8, -1) : typeof value;
  const given = typeof value === "string" ? quote(value) : isShown ? `${value}` : `a value of type ${kind}`;
  return new TypeError(`isocache: ${name} must be ${wanted}, not ${given}`);
}

/** A key as it appears in errors. */
export function quote(key: unknown): string {
  return JSON.stringify(typeof key === "string" && key.length > 40 ? `${key.slice(0, 40)}...` : key);
}

/** The length of a text in UTF-8, in bytes. */
export function utf8Length(text: string): number {
  let length = text.length;
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at);
    // A surrogate pair has two units and four bytes.
    length += unit < 0x80 ? 0 : unit < 0x800 || (unit >= 0xd800 && unit < 0xe000) ? 1 : 2;
  }
  return length;
}

/** Whether UTF-8 can express a text. */
export function isWellFormed(text: string): boolean {
  // Engines from before 2023 lack the method.
  return text.isWellFormed ? text.isWellFormed() : !/\p{Surrogate}/u.test(text);
}
