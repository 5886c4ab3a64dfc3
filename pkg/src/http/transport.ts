/** One request and its response, however it is sent. */

import { type CacheError, connectionFailed } from "./errors.js";

/** A request, sent by POST. */
export interface Request {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | ArrayBuffer;
}

/** A response. */
export interface HttpResponse {
  readonly status: number;
  readonly header: (name: string) => string | null;
  /** Bytes if the content type is RESP2, otherwise text. */
  readonly body: string | Uint8Array;
}

/** Tells a request that no caller needs its response any more. */
export interface Ending {
  /** Whether that is the case. */
  readonly isOver: boolean;
  /** Calls `act` when it is, unless the returned function was called before. */
  whenEnded(act: () => void): () => void;
}

/**
 * Sends a request, and reads at most `limit` bytes of the response. Rejects with `TooLarge`, or with the error of the
 * platform. Redirects are not followed.
 */
export interface Transport {
  (request: Request, limit: number, ending: Ending): Promise<HttpResponse>;
  /** Closes the transport's own idle connections, if any. */
  close?(): void;
}

/** A response of more bytes than the limit. */
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
  // `fetch` wraps the failure as the cause of a general one.
  const inner = (cause ?? {}) as Record<"message" | "code", unknown>;
  const name = inner.code ?? code;
  const why = `${name ?? inner.message ?? message ?? "unknown"}`.slice(0, 200);
  return { error: connectionFailed(server, redact(why)), isSent: !NOT_SENT.includes(`${name}`) };
}
