/** The options, checked and with their defaults. */

import { checkFunction, checkInteger, checkObject, checkOneOf, checkOptions, wrongType } from "../check.js";
import { monotonicNow } from "../clock.js";
import { milliseconds } from "../ttl.js";
import type { Ttl } from "../types.js";
import { Breaker, type BreakerSettings } from "./breaker.js";
import { byFetch } from "./fetch-transport.js";
import { jsonSerializer } from "./json.js";
import { byNode } from "./node-transport.js";
import type { Serializer } from "./serializer.js";
import { textSerializer } from "./text.js";
import { Tokens } from "./tokens.js";
import type { Transport } from "./transport.js";
import type { BatchOptions, BreakerOptions, FetchLike, HttpCacheOptions } from "./types.js";

const NAMES = [
  ...["url", "token", "namespace", "timeout", "retries", "breaker", "batch", "serializer", "fetch", "ttl", "clock"],
  ...["maxResponseBytes", "allowInsecure"],
];
const MIB = 2 ** 20;
const LONGEST_MS = 600_000;

/** The settings of a client. */
export interface Settings {
  /** Without a trailing slash. */
  readonly url: string;
  /** The server as errors name it, without a path. */
  readonly server: string;
  readonly tokens: Tokens;
  /** In milliseconds. */
  readonly timeout: number;
  readonly retries: number;
  readonly breaker: Breaker;
  /** `undefined`: operations are not batched. */
  readonly batch: { readonly maxCommands: number; readonly maxBytes: number } | undefined;
  readonly serializer: Serializer;
  /** Sends requests; looked up for each. */
  readonly transport: () => Transport;
  /** The function of the caller that sends requests. */
  readonly fetch: FetchLike | undefined;
  readonly clock: () => number;
  readonly maxResponseBytes: number;
}

/** Checks the options. @throws TypeError or RangeError that names the option. */
export function settingsOf(options: HttpCacheOptions): Settings {
  checkOptions(options, NAMES);
  const { token, timeout = "2s", retries = 2, breaker, batch, fetch, clock } = options;
  const { maxResponseBytes = 64 * MIB, allowInsecure = false } = options;
  checkFunction("fetch", fetch);
  checkFunction("clock", clock);
  checkOneOf("allowInsecure", allowInsecure, [true, false]);
  const serializer = serializerOf(options.serializer);
  const url = checkUrl(options.url, allowInsecure);
  const now = clock ?? monotonicNow;
  return {
    url: url.href.replace(/\/+$/, ""),
    server: url.origin,
    tokens: new Tokens(token),
    timeout: duration("timeout", timeout),
    retries: checkInteger("retries", retries, 0, 10),
    breaker: new Breaker(breakerOf(breaker), now),
    batch: batchOf(batch),
    serializer,
    transport: transportOf(fetch, url.href),
    fetch,
    clock: now,
    maxResponseBytes: checkInteger("maxResponseBytes", maxResponseBytes, 1, Number.MAX_SAFE_INTEGER),
  };
}

/** The given function; otherwise Node's own client if there is one, looked up when the first request is sent. */
function transportOf(fetch: FetchLike | undefined, url: string): () => Transport {
  const fallback = byFetch(fetch);
  let node: Transport | null | undefined = fetch === undefined ? undefined : null;
  return () => {
    node = node === undefined ? (byNode(url) ?? null) : node;
    return node ?? fallback;
  };
}

function checkUrl(given: unknown, allowInsecure: boolean): URL {
  const text = typeof given === "object" && given !== null && "href" in given ? given.href : given;
  if (typeof text !== "string") {
    throw wrongType("url", "a string or a URL", given);
  }
  let url: URL;
  try {
    url = new URL(text);
  } catch (error) {
    // If the environment has no `URL`, the error says so.
    throw typeof URL === "function"
      ? new TypeError(
          'isocache: url must be a URL such as "https://cache.example"; it is not shown, since it may hold a password',
        )
      : error;
  }
  if (url.protocol !== "http:" && url.protocol !== "https:") {
    throw new TypeError(
      `isocache: url must begin with https:// or http://, not ${url.protocol}//; a Redis is reached through a bridge: isocache serve --store redis://...`,
    );
  }
  if (url.username !== "" || url.password !== "") {
    throw new TypeError("isocache: url must not contain a name or password; give the token as the option token");
  }
  if (url.search !== "" || url.hash !== "") {
    throw new TypeError(
      "isocache: url must not have a query (?) or a fragment (#); give the token as the option token",
    );
  }
  if (url.protocol === "http:" && !allowInsecure && !isLoopback(url.hostname)) {
    throw new TypeError(
      `isocache: url is plain http to ${url.hostname}, so that the token could be read on the way; use https, or set allowInsecure: true`,
    );
  }
  return url;
}

function isLoopback(host: string): boolean {
  return /^(.+\.)?localhost\.?$|^127(\.\d{1,3}){3}$|^\[::1\]$/.test(host);
}

function serializerOf(serializer: HttpCacheOptions["serializer"] = "json"): Serializer {
  if (typeof serializer === "string") {
    checkOneOf("serializer", serializer, ["json", "text"]);
    return serializer === "json" ? jsonSerializer : textSerializer;
  }
  checkObject("serializer", serializer);
  const { format, serialize, deserialize } = serializer as Partial<Serializer>;
  if (
    !(format === "text" || format === "bytes") ||
    typeof serialize !== "function" ||
    typeof deserialize !== "function"
  ) {
    throw new TypeError(
      'isocache: serializer must be "json", "text", or an object with format ("text" or "bytes"), serialize and deserialize',
    );
  }
  return serializer;
}

function breakerOf(options: BreakerOptions | boolean = true): BreakerSettings | undefined {
  if (options === false) {
    return undefined;
  }
  const given = options === true ? {} : options;
  checkObject("breaker", given);
  checkOptions(given, ["failures", "cooldown"]);
  const { failures = 5, cooldown = "5s" } = given;
  return {
    failures: checkInteger("breaker.failures", failures, 1, 1e6),
    cooldown: duration("breaker.cooldown", cooldown),
  };
}

function batchOf(options: BatchOptions | boolean = true): Settings["batch"] {
  if (options === false) {
    return undefined;
  }
  const given = options === true ? {} : options;
  checkObject("batch", given);
  checkOptions(given, ["maxCommands", "maxBytes"]);
  const { maxCommands = 1000, maxBytes = MIB } = given;
  return {
    maxCommands: checkInteger("batch.maxCommands", maxCommands, 2, 1e6),
    maxBytes: checkInteger("batch.maxBytes", maxBytes, 1, Number.MAX_SAFE_INTEGER),
  };
}

/** A time in milliseconds, from 1 ms to 10 minutes. */
function duration(name: string, time: Ttl): number {
  let ms: number;
  try {
    ms = milliseconds(time, name);
  } catch {
    ms = Number.NaN;
  }
  if (!(ms <= LONGEST_MS)) {
    throw new RangeError(
      `isocache: ${name} must be a time from "1ms" to "10m", not ${JSON.stringify(time)}; a number is in seconds`,
    );
  }
  return ms;
}
