/** What the options of an `HttpCache` are. No type of the DOM is needed to compile against them. */

import type { Generations } from "../generations.js";
import type { SetOptions, Ttl } from "../types.js";
import type { Serializer } from "./serializer.js";

/** An `AbortSignal`, in the part that is used. */
export interface AbortSignalLike {
  readonly aborted: boolean;
  readonly reason: unknown;
  addEventListener(type: "abort", listener: () => void): void;
  removeEventListener(type: "abort", listener: () => void): void;
}

/** The platform's `AbortSignal`, where its types are known. */
export type PlatformSignal = typeof globalThis extends { AbortSignal: { prototype: infer Signal } }
  ? Signal
  : AbortSignalLike;

/** What is asked of `fetch`. */
export interface FetchInit {
  method: "POST";
  headers: Record<string, string>;
  body: string | ArrayBuffer;
  /** The token is never sent to where a redirect leads. */
  redirect: "manual";
  cache?: "no-store";
  signal: PlatformSignal;
}

/** A `Response`, in the part that is used. */
export interface FetchResponse {
  readonly status: number;
  readonly type: string;
  readonly headers: { get(name: string): string | null };
  readonly body: object | null;
  text(): Promise<string>;
  arrayBuffer(): Promise<ArrayBuffer>;
}

/** A function like the platform's `fetch`, or this itself. */
export type FetchLike = (url: string, init: FetchInit) => Promise<FetchResponse>;

/** What every operation may be told. */
export interface RequestOptions {
  /** Gives the operation up: it rejects with the signal's reason, and no request goes on for it. */
  signal?: AbortSignalLike | undefined;
}

/** What a `set` may be told beside key and value. */
export interface HttpSetOptions extends SetOptions, RequestOptions {
  /** The generations of the tags of the entry, as `Tagged` gives them. */
  tags?: readonly string[] | Generations | undefined;
}

/** How the circuit breaker works. */
export interface BreakerOptions {
  /** Failures in a row that open it. Default: 5. */
  failures?: number | undefined;
  /** How long it stays open before one request tries again, in **seconds** or with a unit. Default: `"5s"`. */
  cooldown?: Ttl | undefined;
}

/** How operations of one turn are gathered. */
export interface BatchOptions {
  /** The most commands in one request. Default: 1000, which is what servers of the protocol take. */
  maxCommands?: number | undefined;
  /** About the most bytes in one request. Default: 1 MiB. A larger value goes alone. */
  maxBytes?: number | undefined;
}

/** Options of an `HttpCache`. */
export interface HttpCacheOptions {
  /**
   * Where the bridge is, or another server of the Upstash Redis REST protocol; with a path in front of its own, if it has
   * one. Plain `http:` is refused but to this machine itself, unless `allowInsecure` is set.
   */
  url: string | { readonly href: string };
  /**
   * What the server asks for, or a function that gives it, which may be asynchronous: it is asked when a token is first
   * needed, and again once when the server answers 401. It travels in a header only.
   */
  token?: string | (() => string | Promise<string>) | undefined;
  /** Goes before every key, with a `:` between. Default: none. */
  namespace?: string | undefined;
  /** How long an operation may take, with all its attempts, in **seconds** or with a unit, to `"10m"`. Default: `"2s"`. */
  timeout?: Ttl | undefined;
  /** How often at most an operation is tried again where that is safe, from 0 to 10. Default: 2. */
  retries?: number | undefined;
  /** `false`: requests go out however often they have failed. */
  breaker?: BreakerOptions | boolean | undefined;
  /** `false`: every operation is a request of its own. */
  batch?: BatchOptions | boolean | undefined;
  /**
   * Turns values into text or bytes and back: `"json"`, which refuses values that JSON would change; `"text"`, for values that
   * are texts and stored as they are; or an object, such as `messagePackSerializer`. Default: `"json"`.
   */
  serializer?: Serializer | "json" | "text" | undefined;
  /**
   * What carries requests. Default: the platform's `fetch`, looked up at each request; in Node its own HTTP client, which
   * takes a third of the time, unless the program has replaced `fetch` or its dispatcher.
   */
  fetch?: FetchLike | undefined;
  /** The life of entries that are set without one, in **seconds** or with a unit. Default: `null`, for ever. */
  ttl?: Ttl | null | undefined;
  /** The time in milliseconds, of any origin, for the breaker and for time limits. Default: a monotonic clock. */
  clock?: (() => number) | undefined;
  /** The most bytes of an answer. Default: 64 MiB. */
  maxResponseBytes?: number | undefined;
  /** Lets the token travel over plain `http:` to other machines, where anybody on the way can read it. Default: false. */
  allowInsecure?: boolean | undefined;
}
