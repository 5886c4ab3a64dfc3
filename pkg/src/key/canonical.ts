/**
 * The canonical form of arguments: equal arguments have the same text, different ones have different texts. The Rust
 * file `key/canonical.rs` lists the forms.
 */

import { isWellFormed, quote, utf8Length } from "../check.js";

const MAX_DEPTH = 128;
const MAX_BYTES = 16 * 1024 * 1024;

/** The path to a value in the arguments: indexes and names. */
type Path = (number | string)[];

/** The canonical form of a list of arguments. An `undefined` at the end counts as an absent argument. */
export function canonical(args: readonly unknown[]): string {
  let length = args.length;
  while (length > 0 && args[length - 1] === undefined) {
    length--;
  }
  const text = encode(args.slice(0, length), []);
  checkSize(text.length > MAX_BYTES / 3 ? utf8Length(text) : 0);
  return text;
}

function checkSize(size: number): void {
  if (size > MAX_BYTES) {
    throw new RangeError(`isocache: arguments take more than ${MAX_BYTES} bytes in the canonical form`);
  }
}

function refuse(path: Path, what: string): never {
  const place = path.map((step) => `[${typeof step === "number" ? step : quote(step)}]`).join("");
  throw new TypeError(`isocache: arguments${place} ${what}`);
}

function encode(value: unknown, path: Path): string {
  switch (typeof value) {
    case "string":
      return encodeText(value, path);
    case "number":
      return encodeNumber(value);
    case "boolean":
      return value ? "t" : "f";
    case "undefined":
      return "u";
    case "bigint":
      return `i${value};`;
    case "object":
      return value === null ? "n" : encodeObject(value, path);
    default:
      return refuse(path, `is a ${typeof value}, which has no canonical form`);
  }
}

function encodeText(text: string, path: Path): string {
  if (!isWellFormed(text)) {
    refuse(path, `is ${quote(text)}, with half of a surrogate pair, which UTF-8 cannot express`);
  }
  return `s${utf8Length(text)}:${text}`;
}

function encodeNumber(value: number): string {
  if (Number.isInteger(value)) {
    // All digits, not only those that distinguish it from its neighbours.
    return `i${Number.isSafeInteger(value) ? value : BigInt(value)};`;
  }
  // NaN has many bit patterns.
  const bits = Number.isNaN(value) ? 0x7ff8n << 48n : new BigUint64Array(Float64Array.of(value).buffer)[0];
  return `x${bits?.toString(16).padStart(16, "0")}`;
}

const hex = (bytes: Uint8Array): string =>
  `b${bytes.length}:${Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("")}`;

function encodeObject(value: object, path: Path): string {
  // Objects may come from another realm, as in a worker's sandbox.
  const kind = Object.prototype.toString.call(value);
  if (kind === "[object Uint8Array]" || kind === "[object ArrayBuffer]") {
    checkSize(2 * (value as Uint8Array).byteLength);
    return hex(kind === "[object ArrayBuffer]" ? new Uint8Array(value as ArrayBuffer) : (value as Uint8Array));
  }
  if (kind === "[object Date]") {
    const time = Number(value);
    return Number.isNaN(time) ? refuse(path, "is an invalid date") : `d${time};`;
  }
  if (path.length === MAX_DEPTH) {
    throw new RangeError(`isocache: arguments nest deeper than ${MAX_DEPTH} levels, or contain themselves`);
  }
  const isList = Array.isArray(value);
  if (!isList && !isPlain(value)) {
    refuse(path, "is an instance of a class, which has no canonical form; pass its parts as plain values");
  }
  let text = isList ? "[" : "{";
  for (const step of isList ? value.keys() : Object.keys(value).sort(compare)) {
    const item: unknown = (value as Record<string | number, unknown>)[step];
    // As in JSON, an `undefined` property counts as absent.
    if (isList || item !== undefined) {
      path.push(step);
      text += (isList ? "" : encodeText(step as string, path)) + encode(item, path);
      path.pop();
      checkSize(text.length);
    }
  }
  return text + (isList ? "]" : "}");
}

/** Whether an object consists only of its own named properties. */
function isPlain(value: object): boolean {
  const prototype: object | null = Object.getPrototypeOf(value);
  return (
    (prototype === null || (Object.getPrototypeOf(prototype) === null && Object.hasOwn(prototype, "isPrototypeOf"))) &&
    Object.prototype.toString.call(value) === "[object Object]" &&
    Object.getOwnPropertySymbols(value).length === 0
  );
}

/**
 * Compares two texts by their UTF-8. This differs from the order of their units: surrogates sort before U+E000, but
 * their characters after.
 */
function compare(one: string, other: string): number {
  let at = 0;
  while (at < one.length && one.charCodeAt(at) === other.charCodeAt(at)) {
    at++;
  }
  const rank = (text: string) => {
    const unit = text.charCodeAt(at);
    return Number.isNaN(unit) ? -1 : unit >= 0xd800 && unit < 0xe000 ? unit + 0x10000 : unit;
  };
  return rank(one) - rank(other);
}
