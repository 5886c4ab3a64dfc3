/** Sends requests with `fetch`. */

import { isFetchFatal } from "../platform.js";
import { RESP } from "./encoding.js";
import { type Ending, type HttpResponse, type Request, TooLarge, type Transport } from "./transport.js";
import type { FetchLike, FetchResponse } from "./types.js";

/** A transport that uses the given function, or the platform's, looked up at each request. */
export function byFetch(given: FetchLike | undefined): Transport {
  const send = given ?? platformSend;
  return async ({ url, headers, body }: Request, limit: number, ending: Ending): Promise<HttpResponse> => {
    const controller = new AbortController();
    const { signal } = controller;
    const abort = () => controller.abort();
    const forget = ending.whenEnded(abort);
    let isOver = false;
    try {
      const init = { method: "POST", headers: { ...headers }, body, redirect: "manual", signal } as const;
      const response = await send(url, init);
      const header = (name: string) => response.headers.get(name);
      const isBytes = header("content-type")?.startsWith(RESP) ?? false;
      const received = { status: response.status, header, body: await read(response, isBytes, limit) };
      isOver = response.status >= 200 && response.status < 300;
      return received;
    } finally {
      forget();
      if (!isOver) {
        // A server that refuses a request may not have read its body: without this, the rest would still be sent.
        abort();
      }
    }
  };
}

/** The platform's `fetch`, looked up at each request. */
export function platformSend(url: string, init: object): Promise<Response> {
  const send = isFetchFatal() ? undefined : globalThis.fetch;
  if (typeof send !== "function") {
    throw new TypeError("this environment has no fetch; give one as the option fetch");
  }
  return send(url, { ...init, ...noStore() });
}

/** Some frameworks cache responses, even to POST. Some runtimes do not support the option and reject it. */
export function noStore(): { cache?: "no-store" } {
  return !isFetchFatal() && "cache" in (globalThis.Request?.prototype ?? {}) ? { cache: "no-store" } : {};
}

async function read(response: FetchResponse, isBytes: boolean, limit: number): Promise<string | Uint8Array> {
  const { headers, type } = response;
  const length = Number(headers.get("content-length") ?? Number.NaN);
  if (length > limit) {
    // Otherwise the connection stays open until the garbage collector finds the response.
    (response.body as { cancel?: () => Promise<void> } | null)?.cancel?.().catch(() => undefined);
    throw new TooLarge();
  }
  // The platform reads no more than that, unless the body is compressed, which a page of another origin cannot see.
  if (Number.isInteger(length) && type !== "cors" && headers.get("content-encoding") === null) {
    return isBytes ? new Uint8Array(await response.arrayBuffer()) : response.text();
  }
  const body = response.body as { getReader?: () => Reader } | null;
  if (typeof body?.getReader !== "function") {
    // As in React Native, which may have no `TextDecoder` either.
    return isBytes ? new Uint8Array(await response.arrayBuffer()) : response.text();
  }
  const chunks = await gathered(body.getReader(), limit);
  if (isBytes) {
    return joined(chunks);
  }
  const decoder = new TextDecoder();
  return chunks.map((chunk) => decoder.decode(chunk, { stream: true })).join("") + decoder.decode();
}

interface Reader {
  read(): Promise<{ done: boolean; value?: Uint8Array | undefined }>;
  cancel(): Promise<void>;
}

async function gathered(reader: Reader, limit: number): Promise<Uint8Array[]> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done || value === undefined) {
      return chunks;
    }
    size += value.length;
    if (size > limit) {
      // Not awaited, because it may never end.
      reader.cancel().catch(() => undefined);
      throw new TooLarge();
    }
    chunks.push(value);
  }
}

/** Joins the chunks. */
export function joined(chunks: readonly Uint8Array[]): Uint8Array {
  const [first] = chunks;
  if (chunks.length === 1 && first) {
    return first;
  }
  const bytes = new Uint8Array(chunks.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return bytes;
}
