/** RESP2, the encoding of Redis, which keeps every byte. */

import { utf8Length } from "../check.js";
import { type Command, Malformed, type Reply, ServerError } from "./reply.js";

/** No command used here has replies with arrays nested this deep. */
const MAX_DEPTH = 8;
const [CR, LF] = [13, 10];

/** Encodes commands one after the other, each as an array of bulk strings. */
export function encodeCommands(commands: readonly Command[]): ArrayBuffer {
  // Anything between two binary values is collected as one text.
  const pieces: (string | Uint8Array)[] = [];
  let text = "";
  let most = 0;
  const flush = () => {
    pieces.push(text);
    most += text.length * 3;
    text = "";
  };
  for (const command of commands) {
    text += `*${command.length}\r\n`;
    for (const argument of command) {
      if (typeof argument === "string") {
        text += `$${utf8Length(argument)}\r\n${argument}\r\n`;
      } else {
        text += `$${argument.length}\r\n`;
        flush();
        pieces.push(argument);
        most += argument.length;
        text = "\r\n";
      }
    }
  }
  flush();
  const bytes = new Uint8Array(most);
  const encoder = new TextEncoder();
  let end = 0;
  for (const piece of pieces) {
    if (typeof piece === "string") {
      end += encoder.encodeInto(piece, bytes.subarray(end)).written;
    } else {
      bytes.set(piece, end);
      end += piece.length;
    }
  }
  return bytes.buffer.slice(0, end);
}

/**
 * The replies in `bytes`, one for each of `expected` commands. Bulk strings are copies, not views.
 *
 * @throws Malformed for anything else.
 */
export function decodeReplies(bytes: Uint8Array, expected: number): Reply[] {
  const reader = new Reader(bytes);
  const replies: Reply[] = [];
  while (replies.length < expected) {
    replies.push(reader.reply(0));
  }
  if (!reader.isDone) {
    throw new Malformed("there are more replies than commands");
  }
  return replies;
}

class Reader {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get isDone(): boolean {
    return this.#at === this.#bytes.length;
  }

  reply(depth: number): Reply {
    const kind = this.#bytes[this.#at++];
    const line = this.#line();
    switch (kind) {
      case 0x2b: // +
        return line;
      case 0x2d: // -
        return new ServerError(line);
      case 0x3a: // :
        return integer(line);
      case 0x24: {
        // $
        const length = this.#length(line);
        return length === undefined ? null : this.#bulk(length);
      }
      case 0x2a: {
        // *
        const length = this.#length(line);
        if (length === undefined) {
          return null;
        }
        if (depth === MAX_DEPTH) {
          throw new Malformed("arrays are nested too deep");
        }
        const replies: Reply[] = [];
        while (replies.length < length) {
          replies.push(this.reply(depth + 1));
        }
        return replies;
      }
      default:
        throw new Malformed("it is not RESP2");
    }
  }

  #line(): string {
    const end = this.#bytes.indexOf(CR, this.#at);
    if (end < 0 || this.#bytes[end + 1] !== LF) {
      throw new Malformed("the RESP2 is cut off");
    }
    const line = new TextDecoder().decode(this.#bytes.subarray(this.#at, end));
    this.#at = end + 2;
    return line;
  }

  #bulk(length: number): Uint8Array {
    const end = this.#at + length;
    if (this.#bytes[end] !== CR || this.#bytes[end + 1] !== LF) {
      throw new Malformed("the RESP2 is cut off");
    }
    const bulk = this.#bytes.slice(this.#at, end);
    this.#at = end + 2;
    return bulk;
  }

  /** `undefined` for the length that means nil. */
  #length(line: string): number | undefined {
    if (line === "-1") {
      return undefined;
    }
    const length = /^\d{1,10}$/.test(line) ? Number(line) : Number.NaN;
    // Each element takes at least three bytes, so there cannot be more than that.
    if (!(length <= this.#bytes.length - this.#at)) {
      throw new Malformed("a length is beyond the end");
    }
    return length;
  }
}

/** A number; its digits if a number would round them. */
function integer(line: string): number | string {
  if (!/^[+-]?\d{1,19}$/.test(line)) {
    throw new Malformed("a number has no digits");
  }
  const number = Number(line);
  return Number.isSafeInteger(number) ? number : line;
}
