/** A rate limiter in front of a handler of `Request`s, and the headers of its responses. */

import { checkFunction, checkObject, checkOptions, quote } from "../check.js";
import type { RateLimiter } from "./rate-limiter.js";
import type { RateLimit } from "./types.js";

/** The platform's `Request`, if its types are known. */
type PlatformRequest = typeof globalThis extends { Request: { prototype: infer R } } ? R : object;

/** The platform's `Response`, if its types are known. */
type PlatformResponse = typeof globalThis extends { Response: { prototype: infer R } } ? R : object;

/** Options of `rateLimited`. `R` is the type of requests, `A` what the platform passes beside them. */
export interface RateLimitedOptions<R extends PlatformRequest = PlatformRequest, A extends unknown[] = unknown[]> {
  /**
   * The limiter. Its own option `onStoreError` says what happens if its store fails; with `"fail"` the wrapper rejects.
   */
  limiter: RateLimiter;
  /**
   * The key under which a request is counted, such as `keys.rate({ ip, endpoint })`; `undefined` for a request that is
   * not limited. Do not build it from anything that a client can choose freely, and use the route, not the path: a
   * client that can choose the name of its counter has no limit.
   */
  key: (request: R, ...args: A) => string | undefined | Promise<string | undefined>;
  /** The number of requests that one counts as. Default: 1. */
  cost?: ((request: R, ...args: A) => number | Promise<number>) | undefined;
  /** The name of the policy in the headers, in printable ASCII. Default: `"default"`. */
  policy?: string | undefined;
  /**
   * The response to a refused request, to which the headers are added. Default: a line of text with status 429; or 503,
   * if the store has failed and the limiter then refuses requests.
   */
  refuse?: ((request: R, limit: RateLimit) => PlatformResponse | Promise<PlatformResponse>) | undefined;
}

/** A header of a response: its name and its value. */
export type RateLimitHeader = readonly [name: string, value: string];

/**
 * The headers `RateLimit-Policy` and `RateLimit` of `draft-ietf-httpapi-ratelimit-headers-10`, and `Retry-After` for a
 * refused request. Times are in whole seconds, rounded up. If the store has failed, there is no `RateLimit`.
 *
 * ```js
 * import { MemoryCache, RateLimiter, rateLimitHeaders } from "isocache";
 *
 * const limiter = RateLimiter.tokenBucket(new MemoryCache(), 100, "1m");
 * const headers = rateLimitHeaders(await limiter.check("10.0.0.7", "/"));
 * headers[0]; // ["RateLimit-Policy", '"default";q=100;w=60']
 * headers[1]; // ["RateLimit", '"default";r=99;t=1']
 * ```
 *
 * @throws TypeError for a policy that is not printable ASCII.
 */
export function rateLimitHeaders(limit: RateLimit, policy = "default"): RateLimitHeader[] {
  if (typeof policy !== "string" || !/^[ -~]+$/.test(policy)) {
    throw new TypeError(`isocache: policy must be a text of printable ASCII, not ${quote(policy)}`);
  }
  const name = `"${policy.replace(/["\\]/g, "\\$&")}"`;
  const reset = seconds(limit.resetAfter);
  const headers: RateLimitHeader[] = [["RateLimit-Policy", `${name};q=${limit.limit};w=${seconds(limit.window)}`]];
  if (limit.error === undefined) {
    headers.push(["RateLimit", `${name};r=${limit.remaining};t=${reset}`]);
  }
  if (!limit.allowed) {
    headers.push(["Retry-After", `${reset}`]);
  }
  return headers;
}

/**
 * A handler that passes a request on if the limiter allows it, and responds with status 429 otherwise. All responses
 * get the headers of `rateLimitHeaders`. It works wherever there are `Request` and `Response`: Node, Deno, Bun and edge
 * workers.
 *
 * ```js
 * import { keys, MemoryCache, RateLimiter, rateLimited } from "isocache";
 *
 * const limiter = RateLimiter.tokenBucket(new MemoryCache({ maxEntries: 100_000 }), 1, "1m");
 * const handle = rateLimited((request) => new Response("hello"), {
 *   limiter,
 *   // A header that your own proxy sets.
 *   key: (request) => keys.rate({ ip: request.headers.get("x-real-ip") ?? "unknown", endpoint: "/" }),
 * });
 * const request = new Request("http://localhost/", { headers: { "x-real-ip": "10.0.0.7" } });
 * (await handle(request)).status; // 200
 * (await handle(request)).status; // 429
 * ```
 *
 * The returned handler rejects as `check` and as the handler do.
 *
 * @throws TypeError for an option of the wrong type, naming it.
 */
export function rateLimited<R extends PlatformRequest, A extends unknown[]>(
  handler: (request: R, ...args: A) => PlatformResponse | Promise<PlatformResponse>,
  options: RateLimitedOptions<R, A>,
): (request: R, ...args: A) => Promise<PlatformResponse> {
  checkFunction("handler", handler ?? null);
  checkOptions(options, ["limiter", "key", "cost", "policy", "refuse"]);
  const { limiter, key, cost, policy, refuse = refusal } = options;
  checkObject("limiter", limiter);
  checkFunction("key", key ?? null);
  checkFunction("cost", cost);
  checkFunction("refuse", refuse);
  // Throws for an invalid policy now, not with the first request.
  rateLimitHeaders({ allowed: true, limit: 1, remaining: 1, resetAfter: 0, window: 1, error: undefined }, policy);
  return async (request, ...args) => {
    const counted = await key(request, ...args);
    if (counted === undefined) {
      return handler(request, ...args);
    }
    const limit = await limiter.checkKey(counted, { cost: await cost?.(request, ...args) });
    const response = await (limit.allowed ? handler(request, ...args) : refuse(request, limit));
    return withHeaders(response, rateLimitHeaders(limit, policy));
  };
}

function refusal(_: PlatformRequest, { error }: RateLimit): PlatformResponse {
  const [status, text] = error === undefined ? [429, "too many requests\n"] : [503, "requests cannot be counted now\n"];
  return new Response(text, { status, headers: { "content-type": "text/plain" } });
}

/** The response with more headers. Those of a `fetch` response cannot be changed, so it is copied. */
function withHeaders(response: PlatformResponse, headers: readonly RateLimitHeader[]): PlatformResponse {
  try {
    for (const [name, value] of headers) {
      response.headers.set(name, value);
    }
    return response;
  } catch {
    const all = new Headers(response.headers);
    for (const [name, value] of headers) {
      all.set(name, value);
    }
    const { status, statusText } = response;
    return new Response(response.body, { status, statusText, headers: all });
  }
}

function seconds(milliseconds: number): number {
  return Math.ceil(milliseconds / 1000);
}
