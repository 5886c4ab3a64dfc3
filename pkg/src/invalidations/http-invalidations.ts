/** `HttpInvalidations`: changed keys, as announced by a bridge. */

import { checkOneOf, checkOptions, wrongType } from "../check.js";
import type { Client } from "../http/client.js";
import type { HttpCache } from "../http/http-cache.js";
import { isEdgeWorker } from "../platform.js";
import { milliseconds } from "../ttl.js";
import type { Ttl } from "../types.js";
import { awakeClock } from "./awake-clock.js";
import { BridgeLog } from "./bridge-log.js";
import { Events } from "./iterate.js";
import { PollingSubscription } from "./polling.js";
import { StreamSubscription, type Timing } from "./stream.js";
import { canShare, SharedSubscription } from "./tabs.js";
import type { Invalidation, InvalidationListener, InvalidationSource, InvalidationSubscription } from "./types.js";

/** Options of `HttpInvalidations`. */
export interface InvalidationOptions {
  /**
   * Polls for changes instead of holding a stream, at most once per interval, in **seconds** or with a unit. Default: a
   * stream; in edge workers, which cannot hold one, `"5s"`.
   */
  checkInterval?: Ttl | undefined;
  /** Whether the tabs of an origin share one stream, in browsers. Default: true. */
  shared?: boolean | undefined;
}

const DEFAULT_INTERVAL = "5s";
/** The minimum time limit for a stream to begin, in milliseconds. */
const LEAST_LIMIT = 2000;

/**
 * Announcements of changed keys of an `HttpCache`, with its namespace, whoever changes them: through the bridge or
 * directly in its store. A `TieredCache` listens to it; a program may also listen:
 *
 * ```js
 * import { HttpCache, HttpInvalidations } from "isocache";
 *
 * const http = new HttpCache({ url: "http://127.0.0.1:8079", namespace: "user" });
 * const changed = [];
 * for await (const event of new HttpInvalidations(http)) {
 *   if (event.type === "hello") {
 *     await http.set("1", "Ada");
 *   } else if (event.type === "keys") {
 *     changed.push(...event.keys);
 *     break;
 *   }
 * }
 * changed; // ["1"]
 * ```
 *
 * It connects with the first listener, and again whenever the connection breaks or is silent for two heartbeats.
 */
export class HttpInvalidations implements InvalidationSource, AsyncIterable<Invalidation> {
  readonly #client: Client;
  readonly #prefix: string;
  /** In milliseconds; `undefined` if it holds a stream. */
  readonly #interval: number | undefined;
  readonly #shared: boolean;

  /** @throws TypeError or RangeError for an option of the wrong type or out of range, naming it. */
  constructor(http: HttpCache<never>, options: InvalidationOptions = {}) {
    if (!announces(http)) {
      throw wrongType("http", "an HttpCache", http);
    }
    checkOptions(options, ["checkInterval", "shared"]);
    const { client, prefix } = http.requests;
    const { checkInterval = isEdgeWorker() ? DEFAULT_INTERVAL : undefined, shared = true } = options;
    checkOneOf("shared", shared, [true, false]);
    this.#client = client;
    this.#prefix = prefix;
    this.#interval = checkInterval === undefined ? undefined : milliseconds(checkInterval, "checkInterval");
    this.#shared = shared;
  }

  /** Begins to announce changes to `listener`. If it throws, the error is written to the console. */
  listen(listener: InvalidationListener): InvalidationSubscription {
    if (typeof listener !== "function") {
      throw wrongType("listener", "a function", listener);
    }
    const { origin, positions, settings } = this.#client;
    const safe = (event: Invalidation) => {
      try {
        listener(event);
      } catch (error) {
        console.warn("isocache: a listener of invalidations failed", error);
      }
    };
    const within = this.#prefix === "" ? safe : (event: Invalidation) => safe(this.#stripped(event));
    const log = new BridgeLog(settings, this.#prefix === "" ? [] : [this.#prefix], origin);
    const timing = platformTiming();
    if (this.#interval !== undefined) {
      return new PollingSubscription(log, within, this.#interval, timing.now, (saw) => {
        positions.add(saw);
        return () => positions.delete(saw);
      });
    }
    const limits = { limit: Math.max(settings.timeout, LEAST_LIMIT) };
    const follow = (to: InvalidationListener, since?: string) =>
      new StreamSubscription(log, origin, to, timing, { ...limits, since });
    return this.#shared && canShare()
      ? new SharedSubscription(() => this.#channel(), within, follow, timing)
      : follow(within);
  }

  /** The announcements, one after another, from now on. Leaving the loop ends the subscription. */
  [Symbol.asyncIterator](): AsyncIterator<Invalidation> {
    return new Events(this, this.#interval);
  }

  /** The common properties of tabs that may share a stream: the server, the keys, and the rights of the token. */
  async #channel(): Promise<string> {
    const { tokens, url } = this.#client.settings;
    return JSON.stringify([url, this.#prefix, rightsOf(await tokens.current())]);
  }

  /** An event with keys without the prefix. */
  #stripped(event: Invalidation): Invalidation {
    if (event.type !== "keys") {
      return event;
    }
    const { length } = this.#prefix;
    const within = (keys: readonly string[]) =>
      keys.flatMap((key) => (key.startsWith(this.#prefix) ? key.slice(length) : []));
    return { ...event, keys: within(event.keys), own: within(event.own) };
  }
}

/** Whether a provider is an `HttpCache`, whose bridge announces changed keys. */
export function announces(provider: object): provider is HttpCache<never> {
  return typeof (provider as Partial<HttpCache<never>> | undefined)?.requests?.client === "object";
}

/** The rights of a token. Tokens with the same rights that the bridge has signed differ only in their end. */
function rightsOf(token: string | undefined): unknown {
  const [, claims] = /^iso1\.([\w-]+)\./.exec(token ?? "") ?? [];
  if (claims === undefined) {
    return token;
  }
  try {
    const { exp, nbf, ...rights } = JSON.parse(atob(claims.replaceAll("-", "+").replaceAll("_", "/")));
    return rights;
  } catch {
    return token;
  }
}

function platformTiming(): Timing {
  return {
    now: awakeClock(),
    setTimeout: (act, milliseconds) => setTimeout(act, milliseconds),
    clearTimeout: (timer) => clearTimeout(timer),
  };
}
