/** The encodings of commands and replies. */

import { type Command, Malformed, type Reply, ServerError } from "./reply.js";
import { decodeReplies, encodeCommands } from "./resp.js";

/**
 * - `json`: texts in JSON. Exact for values that are text.
 * - `base64`: the same, with replies in base64, for binary values. A command itself cannot carry bytes.
 * - `resp`: RESP2 in both directions, for our bridge.
 */
export type Form = "json" | "base64" | "resp";

export const RESP = "application/x-resp";

/** The headers that select an encoding. */
export const HEADERS: Record<Form, Readonly<Record<string, string>>> = {
  json: { "content-type": "application/json" },
  base64: { "content-type": "application/json", "upstash-encoding": "base64" },
  resp: { "content-type": RESP },
};

/** The body of a request. */
export function encode(form: Form, commands: readonly Command[]): string | ArrayBuffer {
  return form === "resp" ? encodeCommands(commands) : JSON.stringify(commands);
}

/**
 * The replies to `expected` commands.
 *
 * @throws Malformed if the body is anything else.
 */
export function decode(form: Form, body: string | Uint8Array, expected: number): Reply[] {
  if (typeof body !== "string") {
    return decodeReplies(body, expected);
  }
  const results = parse(body);
  if (!Array.isArray(results)) {
    throw new Malformed("it is not a list");
  }
  if (results.length !== expected) {
    throw new Malformed(`expected ${expected} replies, got ${results.length}`);
  }
  return results.map((one) => replyOf(one, form));
}

/** The reply to a request of one command. */
export function decodeOne(body: string): Reply {
  return replyOf(parse(body), "json");
}

/** The error text in the response to a whole request; `undefined` if there is none. */
export function refusal(body: string): string | undefined {
  try {
    const reply = decodeOne(body);
    return reply instanceof ServerError ? reply.text : undefined;
  } catch {
    return undefined;
  }
}

function parse(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    throw new Malformed("it is not JSON");
  }
}

/** `{"result":…}` or `{"error":…}`. A member that is `null` beside the other counts as absent. */
function replyOf(one: unknown, form: Form): Reply {
  if (typeof one === "object" && one !== null) {
    const { result, error } = one as { result?: unknown; error?: unknown };
    if (typeof error === "string" && (result === undefined || result === null)) {
      return new ServerError(error);
    }
    if (result !== undefined && (error === undefined || error === null)) {
      // In base64, a whole reply that is OK stays unchanged.
      return result === "OK" ? result : reply(result, form === "base64");
    }
  }
  throw new Malformed("a reply has neither a result nor an error");
}

function reply(result: unknown, isBase64: boolean): Reply {
  if (typeof result === "string") {
    return isBase64 ? bytesOf(result) : result;
  }
  if (typeof result === "number" || result === null) {
    return result;
  }
  if (typeof result === "boolean") {
    return Number(result);
  }
  if (Array.isArray(result)) {
    return result.map((one) => reply(one, isBase64));
  }
  throw new Malformed("a result is of an unknown type");
}

function bytesOf(base64: string): Uint8Array {
  let binary: string;
  try {
    binary = atob(base64);
  } catch {
    throw new Malformed("a result is not base64");
  }
  const bytes = new Uint8Array(binary.length);
  for (let at = 0; at < bytes.length; at++) {
    bytes[at] = binary.charCodeAt(at);
  }
  return bytes;
}
