/** One request and its answer, whatever carries it. */

import { type CacheError, connectionFailed } from "./errors.js";

/** What is sent, by POST. */
export interface Request {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | ArrayBuffer;
}

/** What came back. */
export interface Answer {
  readonly status: number;
  readonly header: (name: string) => string | null;
  /** Bytes where the server says that it is RESP2, else text. */
  readonly body: string | Uint8Array;
}

/** How a request learns that no caller needs its answer any more. */
export interface Ending {
  /** Whether that is so. */
  readonly isOver: boolean;
  /** Calls `act` then, unless the returned function was called before. */
  whenEnded(act: () => void): () => void;
}

/**
 * Sends a request, and reads at most `limit` bytes of an answer. Rejects with `TooLarge`, or whatever the platform has to say.
 * It follows no redirect.
 */
export interface Transport {
  (request: Request, limit: number, ending: Ending): Promise<Answer>;
  /** Closes connections that wait for a next request, where they are its own. */
  close?(): void;
}

/** An answer of more bytes than the limit. */
export class TooLarge extends Error {}

/** A connection that could not be made: nothing was sent. */
const NOT_SENT = ["ECONNREFUSED", "ENOTFOUND", "EAI_AGAIN", "ConnectionRefused"];

/** The error for a failure of the platform, without the token. */
export function brokenOff(
  error: unknown,
  server: string,
  redact: (text: string) => string,
): { error: CacheError; isSent: boolean } {
  const { message, code, cause } = (error ?? {}) as Record<"message" | "code" | "cause", unknown>;
  // `fetch` has the failure itself as the cause of a general one.
  const inner = (cause ?? {}) as Record<"message" | "code", unknown>;
  const name = inner.code ?? code;
  const why = `${name ?? inner.message ?? message ?? "unknown"}`.slice(0, 200);
  return { error: connectionFailed(server, redact(why)), isSent: !NOT_SENT.includes(`${name}`) };
}
