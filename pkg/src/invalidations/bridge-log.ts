/** The requests for changed keys: a stream of events, or one response with the missed changes. */

import { type AttemptError, attemptErrorOf } from "../http/attempt.js";
import { notProtocol } from "../http/errors.js";
import { noStore, platformSend } from "../http/fetch-transport.js";
import type { Settings } from "../http/settings.js";
import { brokenOff, type HttpResponse } from "../http/transport.js";
import { EventParser, type ServerEvent } from "./events.js";
import type { Origin } from "./origin.js";

/** An open stream. */
export interface EventStream {
  /** The origin whose changes its events call `own`; `undefined` for none. */
  readonly origin: string | undefined;
  /** The next events; `undefined` at the end. Rejects if the connection breaks. */
  read(): Promise<readonly ServerEvent[] | undefined>;
}

/** Missed changes. */
interface Missed {
  readonly position: string;
  /** Whether everything may have changed. */
  readonly reset: boolean;
  readonly keys: readonly string[];
  readonly own: readonly string[];
}

/** A log of changes that can be followed from a position. */
export interface ChangeLog {
  /** Opens a stream, which ends when it is aborted. */
  open(since: string | undefined, controller: AbortController): Promise<EventStream>;
  missed(since: string | undefined): Promise<Missed>;
}

/** A failed request: the error for the caller, and the delay that the server requests, in milliseconds. */
export class LogError extends Error {
  readonly error: Error;
  readonly after: number | undefined;

  constructor(error: Error, after?: number) {
    super(error.message);
    this.error = error;
    this.after = after;
  }
}

interface Reader {
  read(): Promise<{ done: boolean; value?: Uint8Array | undefined }>;
  cancel(): Promise<void>;
}

interface GetResponse {
  readonly status: number;
  readonly headers: { get(name: string): string | null };
  readonly body: { getReader(): Reader } | null;
  text(): Promise<string>;
}

type Get = (url: string, init: object) => Promise<GetResponse>;

/** The log of a bridge. */
export class BridgeLog implements ChangeLog {
  readonly #settings: Settings;
  readonly #prefixes: readonly string[];
  readonly #origin: Origin | undefined;

  constructor(settings: Settings, prefixes: readonly string[], origin: Origin | undefined) {
    this.#settings = settings;
    this.#prefixes = prefixes;
    this.#origin = origin;
  }

  async open(since: string | undefined, controller: AbortController): Promise<EventStream> {
    const origin = this.#origin?.id;
    const response = await this.#get("text/event-stream", since, origin, controller);
    const { server } = this.#settings;
    const reader = response.body?.getReader();
    if (reader === undefined || !response.headers.get("content-type")?.startsWith("text/event-stream")) {
      throw new LogError(notProtocol(server, "the response to /invalidations is no stream of events", ""));
    }
    const [parser, decoder] = [new EventParser(), new TextDecoder()];
    return {
      origin,
      read: async () => {
        const { done, value } = await reader.read().catch((error) => {
          throw this.#broken(error);
        });
        return done ? undefined : parser.take(decoder.decode(value, { stream: true }));
      },
    };
  }

  async missed(since: string | undefined): Promise<Missed> {
    const controller = new AbortController();
    const timer = setTimeout(() => controller.abort(), this.#settings.timeout);
    try {
      const response = await this.#get("application/json", since, this.#origin?.id, controller);
      const body = (await response.text().then(JSON.parse)) as Partial<Missed> | null;
      if (typeof body?.position !== "string") {
        throw new LogError(notProtocol(this.#settings.server, "it has no position", ""));
      }
      return { position: body.position, reset: body.reset === true, keys: body.keys ?? [], own: body.own ?? [] };
    } catch (error) {
      throw error instanceof LogError ? error : this.#broken(error);
    } finally {
      clearTimeout(timer);
    }
  }

  async #get(
    accept: string,
    since: string | undefined,
    origin: string | undefined,
    { signal }: Pick<AbortController, "signal">,
    hasRenewed = false,
  ): Promise<GetResponse> {
    const { url, tokens, fetch = platformSend } = this.#settings;
    const query = new URLSearchParams(this.#prefixes.map((prefix) => ["prefix", prefix]));
    for (const [name, value] of Object.entries({ since, origin })) {
      if (value !== undefined) {
        query.set(name, value);
      }
    }
    const token = await tokens.current();
    const headers = { accept, ...(token !== undefined && { authorization: `Bearer ${token}` }) };
    let response: GetResponse;
    try {
      const init = { method: "GET", headers, redirect: "manual", signal, ...noStore() };
      response = await (fetch as unknown as Get)(`${url}/invalidations?${query}`, init);
    } catch (error) {
      throw this.#broken(error);
    }
    if (response.status === 200) {
      return response;
    }
    const body = await response.text().catch(() => "");
    if (response.status === 401 && !hasRenewed && tokens.renew(token)) {
      return this.#get(accept, since, origin, { signal }, true);
    }
    const refused: HttpResponse = { status: response.status, header: (name) => response.headers.get(name), body };
    const { error, after }: AttemptError = attemptErrorOf(refused, this.#settings);
    throw new LogError(error, after);
  }

  #broken(error: unknown): LogError {
    const { server, tokens } = this.#settings;
    return new LogError(brokenOff(error, server, (text) => tokens.redact(text)).error);
  }
}
