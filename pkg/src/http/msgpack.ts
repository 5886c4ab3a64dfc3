/** MessagePack. */

import { Decoder, Encoder, ExtensionCodec } from "@msgpack/msgpack";
import { isWellFormed } from "../check.js";
import { checkLossless } from "./lossless.js";
import type { BinarySerializer } from "./serializer.js";

/** The numbers of the extension types, defined by this project. */
const SET = 1;
const MAP = 2;
const BIG_INT = 3;
/** The first bytes of 64-bit integers. */
const [UINT64, INT64] = [0xcf, 0xd3];
/** The first byte of an 8-bit integer. */
const UINT8 = 0xcc;
/** Greater than the maximum depth of values. */
const MAX_DEPTH = 1000;

const FORMAT = {
  name: "MessagePack",
  carries(value: unknown): boolean {
    return (
      typeof value === "number" ||
      typeof value === "bigint" ||
      value instanceof Map ||
      value instanceof Set ||
      value instanceof Uint8Array ||
      (value instanceof Date && !Number.isNaN(value.getTime()))
    );
  },
  carriesText: isWellFormed,
  // The decoder rejects it.
  carriesName: (name: string) => name !== "__proto__" && isWellFormed(name),
  *parts(value: object): Generator<[string, unknown]> {
    let at = 0;
    if (value instanceof Map) {
      for (const [key, part] of value) {
        yield [`(key ${at})`, key];
        yield [`(value ${at++})`, part];
      }
    } else if (value instanceof Set) {
      for (const part of value) {
        yield [`(member ${at++})`, part];
      }
    }
  },
};

/** A `bigint` that was stored as one, unlike 64-bit integers that were numbers. */
class Big {
  readonly value: bigint;

  constructor(value: bigint) {
    this.value = value;
  }
}

/** If `isExact` is set, all 64-bit integers are decoded to `bigint`, and stored `bigint`s to `Big`. */
function coder(isExact: boolean): { encode(value: unknown): Uint8Array; decode(bytes: Uint8Array): unknown } {
  const extensionCodec = new ExtensionCodec();
  const encoder = new Encoder({ extensionCodec, maxDepth: MAX_DEPTH });
  const decoder = new Decoder({ extensionCodec, useBigInt64: isExact });
  extensionCodec.register({
    type: SET,
    encode: (value) => (value instanceof Set ? encoder.encode([...value]) : null),
    decode: (bytes) => new Set(decoder.decode(bytes) as unknown[]),
  });
  extensionCodec.register({
    type: MAP,
    encode: (value) => (value instanceof Map ? encoder.encode([...value]) : null),
    decode: (bytes) => new Map(decoder.decode(bytes) as [unknown, unknown][]),
  });
  extensionCodec.register({
    type: BIG_INT,
    encode: (value) => (typeof value === "bigint" ? encoder.encode(`${value}`) : null),
    decode: (bytes) => {
      const big = BigInt(decoder.decode(bytes) as string);
      return isExact ? new Big(big) : big;
    },
  });
  return { encode: (value) => encoder.encode(value), decode: (bytes) => decoder.decode(bytes) };
}

const usual = /* @__PURE__ */ coder(false);
const exact = /* @__PURE__ */ coder(true);

/**
 * Stores values as MessagePack: the values of JSON, and `Date`, `Uint8Array`, `bigint`, `Map`, `Set`, `NaN` and
 * infinities. `Map`, `Set` and `bigint` are extension types (numbers 2, 1 and 3), which other programs must know to
 * read them; everything else is plain MessagePack. A 64-bit integer stored by another program is returned as a number
 * if a number can represent it, otherwise as a `bigint`. A `Buffer` comes back as a `Uint8Array`. A value that would
 * not come back unchanged is refused with a `TypeError` that names its path.
 *
 * ```js
 * import { HttpCache } from "isocache";
 * import { messagePackSerializer } from "isocache/msgpack";
 *
 * const cache = new HttpCache({ url: "http://127.0.0.1:8079", serializer: messagePackSerializer });
 * ```
 */
export const messagePackSerializer: BinarySerializer = {
  format: "bytes",
  serialize(value: unknown): Uint8Array {
    checkLossless(value, FORMAT);
    const bytes = usual.encode(value);
    // One byte that is a digit would be read as a counter. A number from 48 to 57 takes two.
    return bytes.length === 1 && isDecimal(bytes) ? Uint8Array.of(UINT8, bytes[0] as number) : bytes;
  },
  deserialize(bytes: Uint8Array): unknown {
    // The store keeps counters in decimal, which is not MessagePack: the first byte would be a value, followed by
    // others.
    if (bytes.length > 0 && isDecimal(bytes)) {
      return Number(new TextDecoder().decode(bytes));
    }
    const mayHaveLarge = bytes.includes(UINT64) || bytes.includes(INT64);
    return mayHaveLarge ? narrowed(exact.decode(bytes)) : usual.decode(bytes);
  },
  envelope: "MSGPACK",
};

/** Whether bytes are a whole number in decimal, as text. */
function isDecimal(bytes: Uint8Array): boolean {
  const [first, ...rest] = bytes.length <= 20 ? bytes : [];
  const isDigit = (byte: number | undefined) => byte !== undefined && byte >= 0x30 && byte <= 0x39;
  return (isDigit(first) || (first === 0x2d && rest.length > 0)) && rest.every(isDigit);
}

/** The value with numbers for integers that were numbers. Changes it in place. */
function narrowed(value: unknown): unknown {
  if (typeof value === "bigint") {
    const number = Number(value);
    return Number.isSafeInteger(number) ? number : value;
  }
  if (value instanceof Big) {
    return value.value;
  }
  if (value instanceof Map) {
    return new Map([...value].map(([key, part]) => [narrowed(key), narrowed(part)]));
  }
  if (value instanceof Set) {
    return new Set([...value].map(narrowed));
  }
  if (Array.isArray(value)) {
    return value.map(narrowed);
  }
  if (typeof value === "object" && value !== null && Object.getPrototypeOf(value) === Object.prototype) {
    const members = value as Record<string, unknown>;
    for (const name of Object.keys(members)) {
      members[name] = narrowed(members[name]);
    }
  }
  return value;
}
