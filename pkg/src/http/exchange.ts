/** One request and its response: with a token, within its time limit, and as the circuit breaker permits. */

import type { Origin } from "../invalidations/origin.js";
import { AttemptError, attemptErrorOf } from "./attempt.js";
import { type Batch, Ended } from "./batch.js";
import { answerTooLarge, notProtocol, notSent } from "./errors.js";
import { Malformed } from "./reply.js";
import type { Settings } from "./settings.js";
import { brokenOff, type HttpResponse, type Request, TooLarge } from "./transport.js";

/** The sender of requests. */
interface Sender {
  readonly settings: Settings;
  readonly origin: Origin | undefined;
}

/** Reads a response; `undefined` if its status stands for a failure. */
type Understand<T> = (response: HttpResponse) => T | undefined;

/**
 * Sends a request, which belongs to a batch, and returns what `understand` reads from the response. The breaker learns
 * the outcome.
 *
 * @throws AttemptError if the attempt failed, Ended if nobody needs it any more, and any error of `understand`.
 */
export async function exchange<T>(
  sender: Sender,
  request: Request,
  batch: Batch,
  understand: Understand<T>,
): Promise<T> {
  const { settings } = sender;
  const { breaker, tokens, server } = settings;
  const pass = breaker.enter();
  if (pass === "none") {
    const { failures, left, last } = breaker;
    throw new AttemptError(notSent(server, failures, left, last), "none", false, 0, true);
  }
  let outcome: "succeeded" | "failed" | "released" = "released";
  let why: string | undefined;
  try {
    const token = await tokenFor(batch, settings);
    const response = await send(sender, request, token, batch);
    outcome = "succeeded";
    if (response.status === 401 && !batch.hasRenewed && tokens.renew(token)) {
      batch.hasRenewed = true;
      throw new AttemptError(attemptErrorOf(response, settings).error, "all", false, 0, true);
    }
    const understood = read(response, settings, understand);
    if (understood !== undefined) {
      return understood;
    }
    throw attemptErrorOf(response, settings);
  } catch (error) {
    if (error instanceof Ended) {
      outcome = error.isLate ? "failed" : "released";
      why = "no response in time";
    } else if (error instanceof AttemptError && error.isOutage) {
      outcome = "failed";
      why = error.error.message;
    }
    throw error;
  } finally {
    breaker[outcome](pass, why);
  }
}

async function tokenFor(batch: Batch, { tokens }: Settings): Promise<string | undefined> {
  const token = tokens.current();
  if (token === undefined || typeof token === "string") {
    return token;
  }
  try {
    return await batch.within(token);
  } catch (error) {
    if (error instanceof Ended) {
      tokens.abandon();
      throw new Ended(false);
    }
    throw new AttemptError(error as Error);
  }
}

async function send(
  { settings, origin }: Sender,
  { url, headers, body }: Request,
  token: string | undefined,
  batch: Batch,
): Promise<HttpResponse> {
  const limit = settings.maxResponseBytes;
  const all = {
    ...headers,
    ...(token !== undefined && { authorization: `Bearer ${token}` }),
    ...(origin && { "isocache-origin": origin.id }),
  };
  try {
    batch.check();
    return await batch.within(settings.transport()({ url, headers: all, body }, limit, batch));
  } catch (error) {
    origin?.renew();
    if (error instanceof Ended) {
      throw error;
    }
    if (error instanceof TooLarge) {
      throw new AttemptError(answerTooLarge(settings.server, limit));
    }
    const broken = brokenOff(error, settings.server, (text) => settings.tokens.redact(text));
    throw new AttemptError(broken.error, broken.isSent ? "harmless" : "all", true);
  }
}

function read<T>(response: HttpResponse, { server, tokens }: Settings, understand: Understand<T>): T | undefined {
  try {
    return understand(response);
  } catch (error) {
    if (!(error instanceof Malformed)) {
      throw error;
    }
    const { body } = response;
    const start = tokens.redact(typeof body === "string" ? body.slice(0, 1000) : latin1(body));
    throw new AttemptError(notProtocol(server, error.message, start), "none", true);
  }
}

function latin1(bytes: Uint8Array): string {
  return String.fromCharCode(...bytes.subarray(0, 1000));
}
