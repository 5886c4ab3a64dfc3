/** Tokens of sessions. */

import { wrongType } from "../check.js";
import { CacheError } from "../http/errors.js";
import { secretBytes } from "../random.js";

/** The claims of a token about its session. */
interface Claims {
  /** The latest end of the session, in milliseconds since 1970; `Infinity` if it has none. */
  end: number;
  /** Whether it belongs to a user. Such a session has an end. */
  ofUser: boolean;
}

const TOKEN = /^[0-9a-f]{64}(?:-(0|[1-9]\d{0,15})(-u)?)?$/;

/** A new token, with 256 random bits. */
export function newToken({ end, ofUser }: Claims): string {
  const hex = Array.from(secretBytes(32), (byte) => byte.toString(16).padStart(2, "0")).join("");
  return end === Infinity ? hex : `${hex}-${end}${ofUser ? "-u" : ""}`;
}

/** Reads a token; `undefined` for a text that is not a token. */
export function claimsOf(token: string): Claims | undefined {
  if (typeof token !== "string") {
    throw wrongType("token", "a string", token);
  }
  const parts = TOKEN.exec(token);
  return parts ? { end: Number(parts[1] ?? Infinity), ofUser: parts[2] !== undefined } : undefined;
}

/** Runs `work`, and removes the token from its errors: providers name keys. */
export async function hiding<R>(token: string, work: () => R | Promise<R>): Promise<R> {
  try {
    return await work();
  } catch (error) {
    const { message, stack, key } = error as CacheError;
    if (!`${message} ${stack} ${key} ${error}`.includes(token.slice(0, 16))) {
      throw error;
    }
    const shown = `${message}`.replace(/[0-9a-f]{16,}/g, "...").replace(/^isocache: /, "");
    if (error instanceof CacheError) {
      throw new CacheError(error.code, shown);
    }
    const Kind = [TypeError, RangeError].find((kind) => error instanceof kind) ?? Error;
    throw new Kind(`isocache: ${shown}`);
  }
}
