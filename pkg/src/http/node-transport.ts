/**
 * Sends requests with Node's own HTTP client, in a third of the time of its `fetch`. The module is looked up when the
 * first request is sent, by a function that only Node has: nothing is imported.
 */

import { builtinModule, isNode } from "../platform.js";
import { RESP } from "./encoding.js";
import { joined } from "./fetch-transport.js";
import { type Ending, type HttpResponse, type Request, TooLarge, type Transport } from "./transport.js";

interface Socket {
  destroy(): void;
  on(event: "error", listener: () => void): void;
}

interface Incoming {
  readonly statusCode?: number;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  on(event: "data", listener: (chunk: Uint8Array) => void): void;
  on(event: "end", listener: () => void): void;
  on(event: "error", listener: (error: unknown) => void): void;
}

interface Outgoing {
  readonly destroyed: boolean;
  readonly writableFinished: boolean;
  on(event: "response", listener: (response: Incoming) => void): void;
  on(event: "error", listener: (error: unknown) => void): void;
  on(event: "socket", listener: (socket: Socket) => void): void;
  on(event: "continue" | "close", listener: () => void): void;
  flushHeaders(): void;
  write(chunk: Uint8Array, sent: () => void): boolean;
  end(chunk: Uint8Array): void;
  destroy(): void;
}

interface HttpModule {
  request(url: string, options: object): Outgoing;
  readonly Agent: new (options: object) => { destroy(): void };
}

interface Platform {
  readonly fetch?: unknown;
  setImmediate?(act: () => void): void;
}

const platform: Platform = globalThis;
/** Only for comparison: a program that replaces it wants to see each request. */
const genuine = /* @__PURE__ */ loadedFetch();

function loadedFetch(): unknown {
  return platform.fetch;
}

/** Larger bodies are written in parts of this size, so that an early response is noticed in between. */
const PART = 65_536;
/** How long to wait for a server to request the body before sending it anyway, in milliseconds. */
const CONTINUE_LIMIT = 1000;

/** A transport that uses Node's HTTP client; `undefined` outside Node, or if the program has replaced `fetch`. */
export function byNode(url: string): Transport | undefined {
  if (!isNode() || platform.fetch !== genuine || hasDispatcher()) {
    return undefined;
  }
  const http = builtinModule<HttpModule>(url.startsWith("https:") ? "https" : "http");
  return http && over(http);
}

/** Whether the program has given `fetch` its own dispatcher, such as a proxy. */
function hasDispatcher(): boolean {
  const dispatcher: unknown = Reflect.get(globalThis, Symbol.for("undici.globalDispatcher.1"));
  const name = (dispatcher as object | undefined)?.constructor?.name;
  return name !== undefined && name !== "Agent";
}

function over(http: HttpModule): Transport {
  const agent = new http.Agent({ keepAlive: true });
  const guarded = new WeakSet<Socket>();
  const exchange = (sent: Request, limit: number, ending: Ending, asksFirst: boolean): Promise<HttpResponse> =>
    new Promise<HttpResponse>((resolve, reject) => {
      const { url, body } = sent;
      const bytes = typeof body === "string" ? new TextEncoder().encode(body) : new Uint8Array(body);
      const headers: Record<string, string> = { ...sent.headers, "content-length": `${bytes.length}` };
      if (asksFirst) {
        headers.expect = "100-continue";
      }
      const request = http.request(url, { method: "POST", agent, headers });
      const forget = ending.whenEnded(() => request.destroy());
      let isAnswered = false;
      const fail = (error: unknown) => {
        forget();
        const isCutOff = !isAnswered && !request.writableFinished && bytes.length > PART;
        request.destroy();
        if (isCutOff && !asksFirst && !ending.isOver) {
          // A server that refuses a body and closes the connection may do so before its response is read, which is then
          // lost. Nothing was executed, so the request can be sent again; this time it waits for a response before it
          // sends the body.
          exchange(sent, limit, ending, true).then(resolve, reject);
        } else {
          reject(error);
        }
      };
      request.on("error", fail);
      request.on("socket", (socket) => {
        // Node's client stops listening when the response has arrived, but a write may fail after that.
        if (!guarded.has(socket)) {
          guarded.add(socket);
          socket.on("error", () => undefined);
        }
      });
      request.on("response", (response) => {
        isAnswered = true;
        const status = response.statusCode ?? 0;
        const isRefusal = status < 200 || status >= 300;
        const header = (name: string) => {
          const value = response.headers[name];
          return value === undefined ? null : `${value}`;
        };
        const chunks: Uint8Array[] = [];
        let size = 0;
        const done = () => {
          forget();
          if (isRefusal || !request.writableFinished) {
            // The server may not have read the whole body, and the rest must not reach it as the next request.
            request.destroy();
          }
          const { buffer, byteOffset, length } = joined(chunks);
          // Not a `Buffer`, whose `slice` shares memory.
          const all = new Uint8Array(buffer, byteOffset, length);
          const isBytes = header("content-type")?.startsWith(RESP) ?? false;
          resolve({ status, header, body: isBytes ? all : new TextDecoder().decode(all) });
        };
        if (Number(header("content-length")) > limit) {
          fail(new TooLarge());
          return;
        }
        response.on("data", (chunk) => {
          size += chunk.length;
          if (size > limit) {
            fail(new TooLarge());
          } else {
            chunks.push(chunk);
          }
        });
        // A server that refuses a body often closes before its response has been read. The status says enough.
        response.on("error", isRefusal ? done : fail);
        response.on("end", done);
      });
      let at = 0;
      const more = () => {
        if (isAnswered || request.destroyed) {
          return;
        }
        const part = bytes.subarray(at, at + PART);
        at += PART;
        if (at >= bytes.length) {
          request.end(part);
        } else {
          // The next part waits for a turn of the event loop, in which a response is read if there is one.
          request.write(part, () => platform.setImmediate?.(more));
        }
      };
      if (asksFirst) {
        const wait = setTimeout(more, CONTINUE_LIMIT);
        request.on("continue", () => {
          clearTimeout(wait);
          more();
        });
        request.on("close", () => clearTimeout(wait));
        request.flushHeaders();
      } else {
        more();
      }
    });
  const send: Transport = (request, limit, ending) => exchange(request, limit, ending, false);
  send.close = () => agent.destroy();
  return send;
}
