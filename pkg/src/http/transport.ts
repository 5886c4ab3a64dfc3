/** One request, and its answer within a limit. */

import { CacheError } from "./errors.js";
import type { Settings } from "./settings.js";
import type { FetchResponse, PlatformSignal } from "./types.js";
import { RESP } from "./wire.js";

/** What is sent. */
export interface Request {
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | ArrayBuffer;
}

/** What came back. */
export interface Answer {
  readonly status: number;
  readonly header: (name: string) => string | null;
  /** Bytes where the server says that it is RESP2, else text. */
  readonly body: string | Uint8Array;
}

/** Sends a request. Rejects with a `CacheError` where there is no answer, or one that is too large. */
export async function exchange(
  settings: Settings,
  { path, headers, body }: Request,
  token: string | undefined,
  signal: PlatformSignal,
): Promise<Answer> {
  const all = token === undefined ? { ...headers } : { ...headers, authorization: `Bearer ${token}` };
  try {
    const init = { method: "POST", headers: all, body, redirect: "manual", signal } as const;
    const response = await settings.send(settings.url + path, init);
    const header = (name: string) => response.headers.get(name);
    const isBytes = header("content-type")?.startsWith(RESP) ?? false;
    return { status: response.status, header, body: await read(response, isBytes, settings) };
  } catch (error) {
    if (error instanceof CacheError) {
      throw error;
    }
    const why = settings.tokens.redact(reason(error)).slice(0, 200);
    throw new CacheError("connection", `the connection to ${settings.server} failed: ${why}`);
  }
}

/** What a failed `fetch` says. Node hides it in the cause. */
function reason(error: unknown): string {
  const { message, cause } = (error ?? {}) as { message?: unknown; cause?: { code?: unknown; message?: unknown } };
  return `${cause?.code ?? cause?.message ?? message ?? "unknown"}`;
}

async function read(response: FetchResponse, isBytes: boolean, settings: Settings): Promise<string | Uint8Array> {
  const limit = settings.maxResponseBytes;
  const { headers, type } = response;
  const length = Number(headers.get("content-length") ?? Number.NaN);
  if (length > limit) {
    throw tooLarge(settings);
  }
  // The platform takes no more than that length, unless it unpacks, which it does not tell a page of another origin.
  if (Number.isInteger(length) && type !== "cors" && headers.get("content-encoding") === null) {
    return isBytes ? new Uint8Array(await response.arrayBuffer()) : response.text();
  }
  const chunks = await gathered(response, settings);
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

async function gathered(response: FetchResponse, settings: Settings): Promise<Uint8Array[]> {
  const body = response.body as { getReader?: () => Reader } | null;
  if (typeof body?.getReader !== "function") {
    return [new Uint8Array(await response.arrayBuffer())];
  }
  const reader = body.getReader();
  const chunks: Uint8Array[] = [];
  let size = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done || value === undefined) {
      return chunks;
    }
    size += value.length;
    if (size > settings.maxResponseBytes) {
      // What comes of it is of no interest, and it may never come.
      reader.cancel().catch(() => undefined);
      throw tooLarge(settings);
    }
    chunks.push(value);
  }
}

function joined(chunks: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(chunks.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return bytes;
}

function tooLarge({ server, maxResponseBytes }: Settings): CacheError {
  return new CacheError("protocol", `the answer of ${server} is larger than maxResponseBytes, ${maxResponseBytes}`);
}
