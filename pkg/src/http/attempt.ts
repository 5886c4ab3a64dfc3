/** Why an attempt failed, and whether it may be retried. */

import { systemNow } from "../clock.js";
import { refusal } from "./encoding.js";
import { type CacheErrorCode, errorOf, redirected, statusError } from "./errors.js";
import type { Settings } from "./settings.js";
import type { HttpResponse } from "./transport.js";

/** Which operations may be sent again: none, idempotent ones ("harmless"), or all, because nothing was executed. */
type Again = "none" | "harmless" | "all";

/** A failed attempt. */
export class AttemptError extends Error {
  readonly error: Error;
  readonly again: Again;
  /** The delay that the server requests, in milliseconds. */
  readonly after: number | undefined;
  /** Whether the server is at fault, for the breaker. */
  readonly isOutage: boolean;
  /** Whether it is not a failure of the server: the breaker is open, or a new token is needed. */
  readonly isPassing: boolean;

  constructor(error: Error, again: Again = "none", isOutage = false, after?: number, isPassing = false) {
    super(error.message);
    this.error = error;
    this.again = again;
    this.isOutage = isOutage;
    this.after = after;
    this.isPassing = isPassing;
  }
}

/** The error for a response whose status is not 2xx. */
export function attemptErrorOf(response: HttpResponse, settings: Settings): AttemptError {
  const { status } = response;
  const body = settings.tokens.redact(typeof response.body === "string" ? response.body : "");
  const text = refusal(body);
  const error = (code: CacheErrorCode) => statusError(code, settings.server, status, text, body);
  if (status === 429) {
    return new AttemptError(error("unavailable"), "all", false, retryAfter(response));
  }
  if (status === 502 || status === 503 || status === 504) {
    const code = status === 504 ? "timeout" : "unavailable";
    return new AttemptError(error(code), "harmless", true, retryAfter(response));
  }
  if (status >= 500) {
    return new AttemptError(error("unavailable"), "none", true);
  }
  if (status === 401 || status === 403) {
    return new AttemptError(error("refused"));
  }
  if (status === 0 || (status >= 300 && status < 400)) {
    return new AttemptError(redirected(settings.server));
  }
  if (status === 413) {
    return new AttemptError(error("refused"));
  }
  return new AttemptError(text === undefined ? error("protocol") : errorOf(text));
}

/** The time in `Retry-After`, in milliseconds. A date is relative to the server's own. */
function retryAfter({ header }: HttpResponse): number | undefined {
  const value = header("retry-after");
  if (value === null) {
    return undefined;
  }
  if (/^\d+$/.test(value)) {
    return Number(value) * 1000;
  }
  const then = Date.parse(value);
  const now = Date.parse(header("date") ?? "");
  return Number.isNaN(then) ? undefined : Math.max(0, then - (Number.isNaN(now) ? systemNow() : now));
}
