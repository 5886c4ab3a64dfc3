/** Commands and replies, and reading replies as the type that a command has. */

import { errorOf, wrongReply } from "./errors.js";

/** A command: its name and its arguments. */
export type Command = readonly (string | Uint8Array)[];

/** The reply to one command. Strings are text or bytes, by the encoding of the request. */
export type Reply = string | number | null | Uint8Array | ServerError | readonly Reply[];

/** A command that failed, in the words of the server. */
export class ServerError {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

/** Thrown for an answer that is not one of the protocol; says why. */
export class Malformed extends Error {}

/** The reply. @throws if it is an error. `key` is the key of the command. */
export function checked(reply: Reply | undefined, key?: string): Exclude<Reply, ServerError> {
  if (reply instanceof ServerError) {
    throw errorOf(reply.text, key);
  }
  return reply ?? null;
}

/** A reply that is a whole number. Beyond what a number holds exactly, servers send its digits, and it is near it. */
export function count(command: string, reply: Reply | undefined, key?: string): number {
  const sent = checked(reply, key);
  const number = typeof sent === "string" && /^-?\d+$/.test(sent) ? Number(sent) : sent;
  if (typeof number !== "number" || !Number.isInteger(number)) {
    throw wrongReply(command, "a whole number", key);
  }
  return number;
}

/** A reply that is a list, of this length if one is given. */
export function list(command: string, reply: Reply | undefined, length?: number): readonly Reply[] {
  const replies = checked(reply);
  if (!isList(replies) || (length !== undefined && replies.length !== length)) {
    const wanted = length === undefined ? "a list" : `a list of ${length}`;
    throw wrongReply(command, isList(replies) ? `${wanted} but of ${replies.length}` : wanted);
  }
  return replies;
}

/** A reply that is text, or text as bytes. */
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
