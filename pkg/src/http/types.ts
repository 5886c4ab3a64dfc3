/** The options of an `HttpCache`. They compile without the types of the DOM. */

import type { Generations } from "../generations.js";
import type { SetOptions, Ttl } from "../types.js";
import type { Serializer } from "./serializer.js";

/** The part of an `AbortSignal` that is used. */
export interface AbortSignalLike {
  readonly aborted: boolean;
  readonly reason: unknown;
  addEventListener(type: "abort", listener: () => void): void;
  removeEventListener(type: "abort", listener: () => void): void;
}

/** The platform's `AbortSignal`, if its types are known. */
export type PlatformSignal = typeof globalThis extends { AbortSignal: { prototype: infer Signal } }
  ? Signal
  : AbortSignalLike;

/** The options that `fetch` is called with. */
export interface FetchInit {
  method: "POST";
  headers: Record<string, string>;
  body: string | ArrayBuffer;
  /** Redirects are not followed, so that the token is not sent elsewhere. */
  redirect: "manual";
  cache?: "no-store";
  signal: PlatformSignal;
}

/** The part of a `Response` that is used. */
export interface FetchResponse {
  readonly status: number;
  readonly type: string;
  readonly headers: { get(name: string): string | null };
  readonly body: object | null;
  text(): Promise<string>;
  arrayBuffer(): Promise<ArrayBuffer>;
}

/** The platform's `fetch`, or a function like it. */
export type FetchLike = (url: string, init: FetchInit) => Promise<FetchResponse>;

/** Options of every operation. */
export interface RequestOptions {
  /** Aborts the operation: it rejects with the signal's reason, and its request is aborted if no other operation is in it. */
  signal?: AbortSignalLike | undefined;
}

/** Options of a write. */
export interface HttpSetOptions extends SetOptions, RequestOptions {
  /** The generations of the tags of the entry, as returned by `Tagged`. */
  tags?: readonly string[] | Generations | undefined;
}

/** Options of the circuit breaker. */
export interface BreakerOptions {
  /** Failures in a row that open it. Default: 5. */
  failures?: number | undefined;
  /** How long it stays open before one request probes the server, in **seconds** or with a unit. Default: `"5s"`. */
  cooldown?: Ttl | undefined;
}

/** How operations of one tick are batched. */
export interface BatchOptions {
  /** The maximum number of commands in one request. Default: 1000, which servers of the protocol accept. */
  maxCommands?: number | undefined;
  /** The approximate maximum number of bytes in one request. Default: 1 MiB. A larger value is sent alone. */
  maxBytes?: number | undefined;
}

/** Options of an `HttpCache`. */
export interface HttpCacheOptions {
  /**
   * The URL of the bridge, or of another server of the Upstash Redis REST protocol; with a path, if it is served below one.
   * Plain `http:` is refused except to this machine, unless `allowInsecure` is set.
   */
  url: string | { readonly href: string };
  /**
   * The token, or a function that returns it, possibly asynchronously. The function is called when a token is first
   * needed, and once more if the server responds with 401. The token is sent only in a header.
   */
  token?: string | (() => string | Promise<string>) | undefined;
  /** The prefix of every key, followed by a `:`. Default: none. */
  namespace?: string | undefined;
  /**
   * The timeout of an operation, with all its attempts, in **seconds** or with a unit, up to `"10m"`. Default: `"2s"`.
   */
  timeout?: Ttl | undefined;
  /** The maximum number of retries of an operation, if they are safe: from 0 to 10. Default: 2. */
  retries?: number | undefined;
  /** The circuit breaker, or `false` for none. Default: `true`. */
  breaker?: BreakerOptions | boolean | undefined;
  /** How operations are batched, or `false` for one request per operation. Default: `true`. */
  batch?: BatchOptions | boolean | undefined;
  /**
   * Converts values to text or bytes and back: `"json"`, which refuses values that JSON would change; `"text"`, for
   * values that are texts and stored unchanged; or an object, such as `messagePackSerializer`. Default: `"json"`.
   */
  serializer?: Serializer | "json" | "text" | undefined;
  /**
   * The function that sends requests. Default: the platform's `fetch`, looked up at each request; in Node its own HTTP
   * client, which takes a third of the time, unless the program has replaced `fetch` or its dispatcher.
   */
  fetch?: FetchLike | undefined;
  /** The ttl of entries that are written without one, in **seconds** or with a unit. Default: `null`, no expiry. */
  ttl?: Ttl | null | undefined;
  /** The time in milliseconds, from any origin, for the breaker and for time limits. Default: a monotonic clock. */
  clock?: (() => number) | undefined;
  /** The maximum number of bytes in a response. Default: 64 MiB. */
  maxResponseBytes?: number | undefined;
  /** Permits plain `http:` to other machines. The token can then be read on the way. Default: false. */
  allowInsecure?: boolean | undefined;
}
