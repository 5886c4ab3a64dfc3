/** Commands and replies, and what a caller makes of a reply. */

import { errorOf, wrongReply } from "./errors.js";

/** A command: its name and its arguments. */
export type Command = readonly (string | Uint8Array)[];

/** What a server answered to one command. Strings are text or bytes, as was asked for. */
export type Reply = string | number | null | Uint8Array | ServerError | readonly Reply[];

/** A command that failed, in the words of the server. */
export class ServerError {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

/** Thrown where what came is not an answer of the protocol; says in which way. */
export class Malformed extends Error {}

/** The reply, unless it is an error. `key` is what the command was about. */
export function checked(reply: Reply | undefined, key?: string): Exclude<Reply, ServerError> {
  if (reply instanceof ServerError) {
    throw errorOf(reply.text, key);
  }
  return reply ?? null;
}

/** A reply that is a count. */
export function count(command: string, reply: Reply | undefined, key?: string): number {
  const number = checked(reply, key);
  if (typeof number !== "number" || !Number.isInteger(number)) {
    throw wrongReply(command, "a whole number", key);
  }
  return number;
}

/** A reply that is a list of so many. */
export function list(command: string, reply: Reply | undefined, length?: number): readonly Reply[] {
  const replies = checked(reply);
  if (!isList(replies) || (length !== undefined && replies.length !== length)) {
    const wanted = length === undefined ? "a list" : `a list of ${length}`;
    throw wrongReply(command, isList(replies) ? `${wanted} but of ${replies.length}` : wanted);
  }
  return replies;
}

/** A reply that is a text, whether it came as such or as bytes. */
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
