/** What can go wrong between here and the store. */

/** Why a cache operation failed. */
export type CacheErrorCode =
  /** The server could not be reached, or the connection broke. */
  | "connection"
  /** No answer came within the time limit. */
  | "timeout"
  /** The server does not allow it: a wrong token, or beyond what the token permits. */
  | "refused"
  /** The server is there, but does not serve now; or the breaker is open, because it has failed over and over. */
  | "unavailable"
  /** The store has no memory left for the value. */
  | "full"
  /** What was answered is not the protocol. */
  | "protocol"
  /** What is stored under the key cannot be turned into a value. */
  | "deserialize";

/** The failure of an operation that needs the store. The message never holds the token or a value. */
export class CacheError extends Error {
  /** Why, for programs. */
  readonly code: CacheErrorCode;
  /** The key that it is about, as the caller gave it; `undefined` where it is about none in particular. */
  readonly key: string | undefined;

  /** @internal */
  constructor(code: CacheErrorCode, message: string, key?: string, options?: { cause: unknown }) {
    super(`isocache: ${message}`, options);
    this.code = code;
    this.key = key;
  }
}
// On the prototype, as with the errors of the language: not printed as a member of each.
Object.defineProperty(CacheError.prototype, "name", { value: "CacheError", configurable: true, writable: true });

const SHOWN = 60;
const TOLD = 200;

/** How what is no answer of the protocol begins, in printable ASCII. */
export function beginning(text: string): string {
  return text === "" ? "nothing" : `"${printable(text.slice(0, SHOWN))}"${text.length > SHOWN ? "..." : ""}`;
}

/** What a server says, as an error may show it. */
export function told(text: string): string {
  return printable(text.slice(0, TOLD));
}

function printable(text: string): string {
  return text.replace(/[^ -~]/g, (unit) => {
    const code = unit.charCodeAt(0);
    return code < 256 ? `\\x${code.toString(16).padStart(2, "0")}` : `\\u${code.toString(16).padStart(4, "0")}`;
  });
}

const REFUSED = /^(WRONGPASS|NOAUTH|NOPERM)\b|^ERR .*(AUTH|invalid password)/;
const UNAVAILABLE =
  /^(MISCONF|LOADING|CLUSTERDOWN|MASTERDOWN|TRYAGAIN|BUSY|NOREPLICAS|READONLY|UNBLOCKED|NOGOODSLAVE)\b|^ERR max number of clients/;

/** The error for what a store says about a command. */
export function errorOf(text: string, key?: string): CacheError | RangeError {
  const message = told(text);
  const about = key === undefined ? "" : ` (key ${JSON.stringify(key.slice(0, 40))})`;
  if (REFUSED.test(text)) {
    return new CacheError("refused", `refused: ${message}${about}`, key);
  }
  if (text.startsWith("OOM")) {
    return new CacheError("full", `the store is full: ${message}`, key);
  }
  if (UNAVAILABLE.test(text)) {
    return new CacheError("unavailable", `not available now: ${message}`, key);
  }
  if (/^ERR .*would overflow/.test(text)) {
    return new RangeError(`isocache: by takes the counter${about} beyond 64 bits`);
  }
  if (/^WRONGTYPE|^ERR .*not an integer/.test(text)) {
    return new CacheError("deserialize", `what is stored is something else: ${message}${about}`, key);
  }
  return new CacheError("protocol", `the server answered ${message}${about}`, key);
}
