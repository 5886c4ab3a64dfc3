/** Commands and replies, and reading replies as the type of the command. */

import { errorOf, wrongReply } from "./errors.js";

/** A command: its name and its arguments. */
export type Command = readonly (string | Uint8Array)[];

/** The reply to one command. Strings are text or bytes, depending on the encoding of the request. */
export type Reply = string | number | null | Uint8Array | ServerError | readonly Reply[];

/** A command that failed, with the server's message. */
export class ServerError {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

/** Thrown for a response that does not follow the protocol; says why. */
export class Malformed extends Error {}

/** The reply. @throws if it is an error. `key` is the key of the command. */
export function checked(reply: Reply | undefined, key?: string): Exclude<Reply, ServerError> {
  if (reply instanceof ServerError) {
    throw errorOf(reply.text, key);
  }
  return reply ?? null;
}

/**
 * Reads a reply as an integer. Servers send unsafe integers as digits; the result is then approximate.
 */
export function count(command: string, reply: Reply | undefined, key?: string): number {
  const sent = checked(reply, key);
  const number = typeof sent === "string" && /^-?\d+$/.test(sent) ? Number(sent) : sent;
  if (typeof number !== "number" || !Number.isInteger(number)) {
    throw wrongReply(command, "a whole number", key);
  }
  return number;
}

/** Reads a reply as a list, of this length if one is given. */
export function list(command: string, reply: Reply | undefined, length?: number): readonly Reply[] {
  const replies = checked(reply);
  if (!isList(replies) || (length !== undefined && replies.length !== length)) {
    const wanted = length === undefined ? "a list" : `a list of ${length}`;
    throw wrongReply(command, isList(replies) ? `${wanted} but of ${replies.length}` : wanted);
  }
  return replies;
}

/** Reads a reply as text, or as text in bytes. */
export function text(command: string, reply: Reply | undefined): string {
  const string = checked(reply);
  if (typeof string === "string") {
    return string;
  }
  if (typeof string === "number") {
    return `${string}`;
  }
  if (string instanceof Uint8Array) {
    return new TextDecoder().decode(string);
  }
  throw wrongReply(command, "text");
}

function isList(reply: unknown): reply is readonly Reply[] {
  return Array.isArray(reply);
}
