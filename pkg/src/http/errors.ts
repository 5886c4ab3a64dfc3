/** The errors of the HTTP client: their kinds, and all their messages. */

import { quote } from "../check.js";
import { mark } from "../shared.js";

/** Why a cache operation failed. */
export type CacheErrorCode =
  /** The server could not be reached, or the connection broke. */
  | "connection"
  /** There was no response within the time limit. */
  | "timeout"
  /** The server does not permit it: the token is wrong, or does not cover the operation. */
  | "refused"
  /** The server is unavailable at present, or nothing was sent because it has failed several times in a row. */
  | "unavailable"
  /** The store has no memory left for the value. */
  | "full"
  /** The response does not follow the protocol. */
  | "protocol"
  /** The stored text or bytes cannot be decoded into a value. */
  | "deserialize";

const RETRYABLE: readonly CacheErrorCode[] = ["connection", "timeout", "unavailable"];

/** The failure of an operation that needs the store. The message never contains the token or a value. */
export class CacheError extends Error {
  /** The reason, for programs. */
  readonly code: CacheErrorCode;
  /** The key that it concerns, as the caller gave it; `undefined` if it does not concern a single key. */
  readonly key: string | undefined;
  /** Whether the same operation may succeed later without any change. */
  readonly retryable: boolean;

  /** @internal */
  constructor(
    code: CacheErrorCode,
    message: string,
    key?: string,
    { retryable = RETRYABLE.includes(code), ...options }: { cause?: unknown; retryable?: boolean } = {},
  ) {
    super(`isocache: ${message}`, options);
    // On the prototype, like the language's own errors, so that it is not printed as a member of each.
    mark(CacheError, "name", "CacheError");
    this.code = code;
    this.key = key;
    this.retryable = retryable;
  }
}

/** Remedies for failures of the platform, by its message. */
const HINTS: readonly [RegExp, string][] = [
  [
    /SELF_SIGNED|UNABLE_TO_|UnknownIssuer/i,
    "the certificate is not signed by an authority that is trusted here; name the one that signed it, in Node by NODE_EXTRA_CA_CERTS=ca.pem",
  ],
  [/CERT_HAS_EXPIRED|Expired/, "the certificate of the server has expired; renew it"],
  [/ALTNAME|NotValidForName/, "the certificate is for another host name than the one in url"],
  [
    /EPROTO|WRONG_VERSION|corrupt message|InvalidContentType/i,
    "the server did not answer with TLS; if it speaks plain HTTP, url must begin with http://",
  ],
  [/HPE_INVALID/, "the server did not answer with HTTP; if it speaks TLS, url must begin with https://"],
  [/ECONNREFUSED|ConnectionRefused/, "no server listens there; is it running, and is the port right?"],
  [/ENOTFOUND|EAI_AGAIN/, "the host name in url is unknown"],
];

/** The connection could not be made, or broke. `why` is the platform's message. */
export function connectionFailed(server: string, why: string): CacheError {
  const at = HINTS.findIndex(([pattern]) => pattern.test(why));
  const hint = at < 0 ? "" : `: ${HINTS[at]?.[1]}`;
  // The first hints are about certificates and protocols, which do not change by themselves.
  const isLasting = at >= 0 && at < 5;
  const options = isLasting ? { retryable: false } : {};
  return new CacheError("connection", `the connection to ${server} failed (${why})${hint}`, undefined, options);
}

export function timedOut(server: string, timeout: number): CacheError {
  return new CacheError("timeout", `no response from ${server} within ${timeout} ms (the option timeout)`);
}

/** Nothing was sent, because the server has failed too often. */
export function notSent(server: string, failures: number, left: number, last: string | undefined): CacheError {
  const next = left > 0 ? `next try in ${(left / 1000).toFixed(1)} s` : "another request is trying it";
  const why = last === undefined ? "" : ` (last: ${last.replace(/^isocache: /, "")})`;
  return new CacheError("unavailable", `not sent: ${server} failed ${failures} times in a row; ${next}${why}`);
}

export function answerTooLarge(server: string, limit: number): CacheError {
  return new CacheError("protocol", `the response of ${server} is larger than maxResponseBytes, ${limit}`);
}

/** The response does not follow the protocol. `body` is its beginning. */
export function notProtocol(server: string, why: string, body: string): CacheError {
  return new CacheError(
    "protocol",
    `the response of ${server} does not follow the protocol (${why}); it begins with ${beginning(body)}; is url that of the bridge?`,
  );
}

export function redirected(server: string): CacheError {
  return new CacheError(
    "protocol",
    `${server} responded with a redirect, which is not followed, since the token would go with it; give the final address as url`,
  );
}

/** The server responded with an error status. `text` is the error in its body, if any. */
export function statusError(
  code: CacheErrorCode,
  server: string,
  status: number,
  text: string | undefined,
  body: string,
): CacheError {
  const says = text === undefined ? ` and ${beginning(body)}` : `: ${shortened(text)}`;
  return new CacheError(code, `${server} responded with status ${status}${says}`);
}

/** The caller's function for the token failed. */
export function tokenFailed(cause: unknown): CacheError {
  return new CacheError("refused", "the function given as token failed; see the cause", undefined, { cause });
}

/** The reply is not of the command's type. */
export function wrongReply(command: string, wanted: string, key?: string): CacheError {
  const about = key === undefined ? "" : ` (key ${quote(key)})`;
  return new CacheError("protocol", `the reply to ${command} is not ${wanted}${about}`, key);
}

export function endlessScan(steps: number): CacheError {
  return new CacheError("protocol", `the server did not end SCAN within ${steps} steps; some keys were not reached`);
}

/** The stored text or bytes cannot be decoded. */
export function notDecoded(key: string, why: string): CacheError {
  return new CacheError(
    "deserialize",
    `the value under key ${quote(key)} cannot be decoded (${why}); it was stored with another serializer, or by another program`,
    key,
  );
}

const SHOWN = 60;
const TOLD = 200;

/** The beginning of a response, in printable ASCII. */
function beginning(text: string): string {
  return text === "" ? "nothing" : `"${printable(text.slice(0, SHOWN))}"${text.length > SHOWN ? "..." : ""}`;
}

/** The error text of a server, as errors show it. */
function shortened(text: string): string {
  return printable(text.slice(0, TOLD));
}

function printable(text: string): string {
  return text.replace(/[^ -~]/g, (unit) => {
    const code = unit.charCodeAt(0);
    return code < 256 ? `\\x${code.toString(16).padStart(2, "0")}` : `\\u${code.toString(16).padStart(4, "0")}`;
  });
}

const REFUSED = /^(WRONGPASS|NOAUTH|NOPERM)\b|^ERR .*(AUTH|invalid password|executing the script)/;
const UNAVAILABLE =
  /^(MISCONF|LOADING|CLUSTERDOWN|MASTERDOWN|TRYAGAIN|BUSY|NOREPLICAS|READONLY|UNBLOCKED|NOGOODSLAVE)\b|^ERR max number of clients/;

/** The error for the text with which a store refuses a command. */
export function errorOf(text: string, key?: string): CacheError | RangeError {
  const message = shortened(text);
  const about = key === undefined ? "" : ` (key ${quote(key)})`;
  if (REFUSED.test(text)) {
    return new CacheError("refused", `the server refused: ${message}${about}`, key);
  }
  if (text.startsWith("OOM")) {
    return new CacheError("full", `the store is full: ${message}${about}`, key);
  }
  if (UNAVAILABLE.test(text)) {
    return new CacheError("unavailable", `the store is unavailable at present: ${message}`, key);
  }
  if (/^ERR .*would overflow/.test(text)) {
    return new RangeError(`isocache: the counter${about} would be beyond 64 bits; use a smaller by`);
  }
  if (/^ERR .*not an integer/.test(text)) {
    return new CacheError("deserialize", `the value is not a counter${about}; delete it, or set it as JSON`, key);
  }
  if (text.startsWith("WRONGTYPE")) {
    return new CacheError("deserialize", `the stored value is of another type: ${message}${about}`, key);
  }
  return new CacheError("protocol", `the server replied: ${message}${about}`, key);
}
