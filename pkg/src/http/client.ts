/** Batches operations, sends them, and retries them where that is safe. */

import type { Origin } from "../invalidations/origin.js";
import { AttemptError } from "./attempt.js";
import { Batch, type Operation, type Work } from "./batch.js";
import { decode, decodeOne, encode, type Form, HEADERS, RESP } from "./encoding.js";
import { exchange } from "./exchange.js";
import { type Reply, ServerError } from "./reply.js";
import type { Settings } from "./settings.js";
import { hasBytes, parts, runs } from "./split.js";
import type { HttpResponse } from "./transport.js";
import type { AbortSignalLike } from "./types.js";

/** The longest pause before the first retry, in milliseconds. It doubles with each further one. */
const FIRST_PAUSE = 50;
const LONGEST_PAUSE = 1000;
/** The number of binary values that are sent at once to a server that takes them one by one. */
const AT_ONCE = 16;
/** The limits if operations are not batched. */
const ALONE = { maxCommands: 1, maxBytes: 0 };

/** A transaction of several operations was refused: they are sent one by one. */
class Apart extends Error {}
/** The server does not support the encoding that was tried. */
class OtherForm extends Error {}

/** Sends operations to one server. Nothing happens before the first one. */
export class Client {
  readonly settings: Settings;
  /** The features of the server beyond the protocol; `undefined` until it has responded. */
  readonly #peer: { resp: boolean | undefined; clear: boolean | undefined; cas: boolean; joins: boolean } = {
    resp: undefined,
    clear: undefined,
    cas: false,
    joins: true,
  };
  /** The origin of the requests; `undefined` if nobody needs to know it. */
  readonly origin: Origin | undefined;
  /** Listeners for the positions of responses in the log of changes. */
  readonly positions = new Set<(position: string) => void>();
  #batch: Batch | undefined;
  readonly #running = new Set<Promise<void>>();
  #isClosed = false;

  constructor(settings: Settings, origin?: Origin) {
    this.settings = settings;
    this.origin = origin;
  }

  /** Whether the server is the bridge, with its own commands; `undefined` if not yet known. */
  get isBridge(): boolean | undefined {
    return this.#peer.clear;
  }

  /** Whether the server is known to have the bridge's command for comparing and setting. */
  get hasCompareAndSet(): boolean {
    return this.#peer.cas;
  }

  /** Throws if the client is closed. */
  checkOpen(): void {
    if (this.#isClosed) {
      throw new Error("isocache: this HttpCache is closed; make a new one");
    }
  }

  /** The replies to the commands of an operation. */
  async ask(work: Work, signal?: AbortSignalLike): Promise<readonly Reply[]> {
    if (signal?.aborted) {
      throw signal.reason;
    }
    const { settings } = this;
    if (settings.batch === undefined) {
      const batch = this.#newBatch();
      const operation = batch.add(work, signal);
      this.#start(batch);
      return operation.replies;
    }
    let batch = this.#batch;
    if (batch === undefined) {
      batch = this.#newBatch();
      this.#batch = batch;
      this.#gather(batch);
    }
    return batch.add(work, signal).replies;
  }

  /** Waits for operations in progress, and refuses later ones. */
  async close(): Promise<void> {
    this.#isClosed = true;
    while (this.#batch !== undefined || this.#running.size > 0) {
      await Promise.all(this.#running);
      await undefined;
    }
    this.settings.transport().close?.();
  }

  #newBatch(): Batch {
    return new Batch(this.settings.timeout, this.settings.clock, this.settings.server);
  }

  /** Collects operations until a microtask has passed without one. */
  async #gather(batch: Batch): Promise<void> {
    let seen = 0;
    do {
      seen = batch.operations.length;
      await undefined;
    } while (batch.operations.length > seen);
    this.#batch = undefined;
    this.#start(batch);
  }

  #start(batch: Batch): void {
    const running = this.#run(batch).finally(() => this.#running.delete(running));
    this.#running.add(running);
  }

  /** Sends a batch that is too large for one request as several, one after the other, to keep the order. */
  async #run(batch: Batch): Promise<void> {
    for (const operations of parts(batch.operations, this.settings.batch ?? ALONE)) {
      try {
        await this.#deliver(operations, batch);
      } catch (error) {
        // If the batch has ended, all operations already have their outcome.
        for (const operation of operations) {
          operation.fail(error);
        }
      }
    }
  }

  /** Sends operations, in one request if the server allows. */
  async #deliver(operations: readonly Operation[], batch: Batch): Promise<void> {
    const isAtomic = operations.some(({ work }) => work.atomic);
    if (isAtomic && operations.length > 1 && !this.#peer.joins) {
      return this.#apart(operations, batch);
    }
    const form = this.#form();
    if (form === "base64" && operations.some(hasBytes)) {
      return this.#oneByOne(operations, batch);
    }
    try {
      await this.#persist(operations, batch, (pending) => this.#attempt(pending, form, batch));
    } catch (error) {
      const pending = operations.filter(({ isSettled }) => !isSettled);
      if (error instanceof Apart) {
        return this.#apart(pending, batch);
      }
      if (error instanceof OtherForm) {
        return this.#deliver(pending, batch);
      }
      throw error;
    }
  }

  #form(): Form {
    if (this.settings.serializer.format === "text") {
      return "json";
    }
    return this.#peer.resp === false ? "base64" : "resp";
  }

  /** Sends operations in order, every transaction on its own. */
  async #apart(operations: readonly Operation[], batch: Batch): Promise<void> {
    for (const run of runs(operations, (operation) => !operation.work.atomic)) {
      await this.#deliver(run, batch);
    }
  }

  /** Sends each command with bytes by path, which is the only way with a server that has only the protocol. */
  async #oneByOne(operations: readonly Operation[], batch: Batch): Promise<void> {
    for (const run of runs(operations, (operation) => !hasBytes(operation))) {
      const [first] = run;
      if (first === undefined || !hasBytes(first)) {
        await this.#deliver(run, batch);
        continue;
      }
      await this.#persist([first], batch, async () => {
        const { commands } = first.work;
        const replies: Reply[] = [];
        for (let at = 0; at < commands.length; at += AT_ONCE) {
          const some = commands.slice(at, at + AT_ONCE).map((command) => this.#byPath(command, batch));
          replies.push(...(await Promise.all(some)));
        }
        first.succeed(replies);
      });
    }
  }

  /** Retries until all operations have their outcome. */
  async #persist(
    operations: readonly Operation[],
    batch: Batch,
    attempt: (pending: readonly Operation[]) => Promise<void>,
  ): Promise<void> {
    let failures = 0;
    let last: Error | undefined;
    for (;;) {
      const pending = operations.filter(({ isSettled }) => !isSettled);
      if (pending.length === 0) {
        return;
      }
      try {
        return await attempt(pending);
      } catch (failure) {
        if (!(failure instanceof AttemptError)) {
          throw failure;
        }
        const { again, after = jittered(failures) } = failure;
        // The previous failure says more than an open breaker.
        const error = failure.isPassing ? (last ?? failure.error) : failure.error;
        last = error;
        failures += failure.isPassing ? 0 : 1;
        const isLast = failures > this.settings.retries || after >= batch.left;
        for (const operation of pending) {
          if (isLast || again === "none" || (again === "harmless" && operation.work.once)) {
            operation.fail(error);
          }
        }
        if (pending.every(({ isSettled }) => isSettled)) {
          return;
        }
        await batch.pause(after);
      }
    }
  }

  async #attempt(operations: readonly Operation[], form: Form, batch: Batch): Promise<void> {
    const isAtomic = operations.some(({ work }) => work.atomic);
    const commands =
      operations.length === 1 && operations[0]
        ? operations[0].work.commands
        : operations.flatMap(({ work }) => work.commands);
    const request = {
      url: this.settings.url + (isAtomic ? "/multi-exec" : "/pipeline"),
      headers: HEADERS[form],
      body: encode(form, commands),
    };
    const replies = await exchange(this, request, batch, (response) => {
      const { status } = response;
      if (status >= 200 && status < 300) {
        this.#learn(response);
        return decode(form, response.body, commands.length);
      }
      if (form === "resp" && this.#peer.resp !== true && isForeign(status)) {
        this.#peer.resp = false;
        throw new OtherForm();
      }
      if (isAtomic && operations.length > 1 && (status === 400 || status === 403)) {
        this.#peer.joins &&= !/CROSSSLOT/i.test(`${response.body}`);
        throw new Apart();
      }
      return undefined;
    });
    let at = 0;
    for (const operation of operations) {
      const end = at + operation.work.commands.length;
      operation.succeed(replies.slice(at, end).map((reply) => this.#redacted(reply)));
      at = end;
    }
  }

  /** One command with bytes as its third argument, which become the body. */
  async #byPath(command: readonly (string | Uint8Array)[], batch: Batch): Promise<Reply> {
    const [name, key, value, ...options] = command as readonly [string, string, Uint8Array, ...string[]];
    // Options are a name and a number, or a name alone.
    const query = options.length === 0 ? "" : `?${options.join("&").replace(/&(?=\d)/g, "=")}`;
    const url = `${this.settings.url}/${name}/${encodeURIComponent(key)}${query}`;
    const request = { url, headers: { "content-type": "application/octet-stream" }, body: exact(value) };
    return exchange(this, request, batch, ({ status, body }) =>
      status < 200 || status >= 300 ? undefined : decodeOne(typeof body === "string" ? body : ""),
    );
  }

  #redacted(reply: Reply): Reply {
    return reply instanceof ServerError ? new ServerError(this.settings.tokens.redact(reply.text)) : reply;
  }

  /** Notes what a successful response reveals about the server. */
  #learn({ header }: HttpResponse): void {
    if (this.positions.size > 0) {
      const position = header("isocache-position");
      for (const saw of position === null ? [] : this.positions) {
        saw(position as string);
      }
    }
    const extensions = (header("isocache-extensions") ?? "").split(",").map((name) => name.trim());
    this.#peer.clear = extensions.includes("clear");
    this.#peer.cas = extensions.includes("cas");
    this.#peer.resp = extensions.includes("x-resp") || (header("content-type")?.startsWith(RESP) ?? false);
  }
}

/** Whether a status may mean that the kind of the body was unknown. */
const isForeign = (status: number): boolean => [400, 404, 405, 406, 415, 422, 501].includes(status);

/**
 * How long to wait after this many failures: a random time up to a doubling limit, so that clients do not return
 * together.
 */
function jittered(failures: number): number {
  return 1 + Math.random() * Math.min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** failures);
}

function exact(bytes: Uint8Array): ArrayBuffer {
  return new Uint8Array(bytes).buffer;
}
