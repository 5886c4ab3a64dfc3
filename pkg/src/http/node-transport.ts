/**
 * Requests by Node's own HTTP client, which takes a third of the time of its `fetch`. It is asked for when it is needed, by
 * a function that only Node has: nothing is imported.
 */

import { joined } from "./fetch-transport.js";
import { type Answer, TooLarge, type Transport } from "./transport.js";
import { RESP } from "./wire.js";

interface Incoming {
  readonly statusCode?: number;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly socket: { destroy(): void };
  on(event: "data", listener: (chunk: Uint8Array) => void): void;
  on(event: "end" | "aborted", listener: () => void): void;
  on(event: "error", listener: (error: unknown) => void): void;
}

interface Outgoing {
  on(event: "response", listener: (response: Incoming) => void): void;
  on(event: "error", listener: (error: unknown) => void): void;
  end(body: string | Uint8Array): void;
  destroy(): void;
}

interface HttpModule {
  request(url: string, options: object): Outgoing;
  readonly Agent: new (options: object) => { destroy(): void };
}

interface Platform {
  readonly process?: {
    readonly release?: { readonly name?: string };
    getBuiltinModule?(name: string): HttpModule | undefined;
  };
  readonly navigator?: { readonly userAgent?: string };
  readonly fetch?: unknown;
}

const platform = globalThis as Platform;
/** What a server answers that has not read a request to its end: it closes the connection, and what comes next is lost. */
const UNREAD = [400, 408, 413, 414, 431];
/** For comparison only: who replaces it wants to see what is sent. */
const genuine = platform.fetch;

/** A transport by Node's HTTP client; `undefined` where this is not Node, or somebody looks at what `fetch` sends. */
export function byNode(url: string): Transport | undefined {
  const { process, navigator } = platform;
  const isNode =
    process?.release?.name === "node" &&
    (navigator?.userAgent === undefined || /^Node\.js\//.test(navigator.userAgent));
  if (!isNode || platform.fetch !== genuine || hasDispatcher()) {
    return undefined;
  }
  const http = process.getBuiltinModule?.(url.startsWith("https:") ? "https" : "http");
  return http && over(http);
}

/** Whether the program has given `fetch` a way of its own, such as a proxy. */
function hasDispatcher(): boolean {
  const dispatcher: unknown = Reflect.get(globalThis, Symbol.for("undici.globalDispatcher.1"));
  const name = (dispatcher as object | undefined)?.constructor?.name;
  return name !== undefined && name !== "Agent";
}

function over(http: HttpModule): Transport {
  const agent = new http.Agent({ keepAlive: true });
  const send: Transport = ({ url, headers, body }, limit, ending) =>
    new Promise<Answer>((resolve, reject) => {
      const bytes = typeof body === "string" ? body : new Uint8Array(body);
      const request = http.request(url, { method: "POST", agent, headers });
      const forget = ending.whenEnded(() => request.destroy());
      const fail = (error: unknown) => {
        forget();
        reject(error);
      };
      request.on("error", fail);
      request.on("response", (response) => {
        const { socket } = response;
        const chunks: Uint8Array[] = [];
        let size = 0;
        if (Number(response.headers["content-length"]) > limit) {
          fail(new TooLarge());
          request.destroy();
          return;
        }
        response.on("data", (chunk) => {
          size += chunk.length;
          if (size > limit) {
            fail(new TooLarge());
            request.destroy();
          } else {
            chunks.push(chunk);
          }
        });
        response.on("error", fail);
        response.on("end", () => {
          forget();
          const header = (name: string) => {
            const value = response.headers[name];
            return value === undefined ? null : `${value}`;
          };
          const { buffer, byteOffset, length } = joined(chunks);
          // No `Buffer`: its `slice` is another.
          const all = new Uint8Array(buffer, byteOffset, length);
          const isBytes = header("content-type")?.startsWith(RESP) ?? false;
          const status = response.statusCode ?? 0;
          if (UNREAD.includes(status)) {
            // The request itself has let go of its connection by now.
            socket.destroy();
          }
          resolve({ status, header, body: isBytes ? all : new TextDecoder().decode(all) });
        });
      });
      request.end(bytes);
    });
  send.close = () => agent.destroy();
  return send;
}
