/** Gathers operations, sends them, and sends them again where that is safe. */

import { beginning, CacheError } from "./errors.js";
import { Failure, failureOf } from "./failure.js";
import { hasBytes, parts, runs } from "./plan.js";
import { Malformed, type Reply, ServerError } from "./reply.js";
import type { Settings } from "./settings.js";
import { type Answer, brokenOff, type Request, TooLarge } from "./transport.js";
import { Ended, Turn, type Unit, type Work } from "./turn.js";
import type { AbortSignalLike } from "./types.js";
import { decode, decodeOne, encode, type Form, HEADERS, RESP } from "./wire.js";

/** How long is waited before the first repetition, at most; twice as long before each further one. In milliseconds. */
const FIRST_PAUSE = 50;
const LONGEST_PAUSE = 1000;
/** How many values of bytes are sent at once to a server that takes them one by one. */
const AT_ONCE = 16;
/** The limits where nothing is gathered. */
const ALONE = { maxCommands: 1, maxBytes: 0 };

/** A transaction of several operations was refused: they are tried apart. */
class Apart extends Error {}
/** The server does not speak the form that was tried. */
class OtherForm extends Error {}

/** Sends operations to one server. Nothing happens before the first one. */
export class Client {
  readonly settings: Settings;
  /** What the server can, beside the protocol; `undefined` until it has answered. */
  readonly #peer: { resp: boolean | undefined; clear: boolean | undefined; joins: boolean } = {
    resp: undefined,
    clear: undefined,
    joins: true,
  };
  #turn: Turn | undefined;
  readonly #running = new Set<Promise<void>>();
  #isClosed = false;

  constructor(settings: Settings) {
    this.settings = settings;
  }

  /** Whether the server is our bridge, with its commands; `undefined` while that is not known. */
  get isBridge(): boolean | undefined {
    return this.#peer.clear;
  }

  /** Throws once it is closed. */
  checkOpen(): void {
    if (this.#isClosed) {
      throw new Error("isocache: this HttpCache is closed");
    }
  }

  /** What the server replies to the commands of an operation. */
  async ask(work: Work, signal?: AbortSignalLike): Promise<readonly Reply[]> {
    if (signal?.aborted) {
      throw signal.reason;
    }
    const { settings } = this;
    if (settings.batch === undefined) {
      const turn = this.#newTurn();
      const unit = turn.add(work, signal);
      this.#start(turn);
      return unit.replies;
    }
    let turn = this.#turn;
    if (turn === undefined) {
      turn = this.#newTurn();
      this.#turn = turn;
      this.#gather(turn);
    }
    return turn.add(work, signal).replies;
  }

  /** Lets what is under way come to its end; afterwards nothing more is taken. */
  async close(): Promise<void> {
    this.#isClosed = true;
    while (this.#turn !== undefined || this.#running.size > 0) {
      await Promise.all(this.#running);
      await undefined;
    }
    this.settings.transport().close?.();
  }

  #newTurn(): Turn {
    return new Turn(this.settings.timeout, this.settings.clock, this.settings.server);
  }

  /** Takes in operations until a microtask has passed in which there came none. */
  async #gather(turn: Turn): Promise<void> {
    let seen = 0;
    do {
      seen = turn.units.length;
      await undefined;
    } while (turn.units.length > seen);
    this.#turn = undefined;
    this.#start(turn);
  }

  #start(turn: Turn): void {
    const running = this.#run(turn).finally(() => this.#running.delete(running));
    this.#running.add(running);
  }

  /** Parts that are too large for one request go one after the other: the order holds. */
  async #run(turn: Turn): Promise<void> {
    for (const units of parts(turn.units, this.settings.batch ?? ALONE)) {
      try {
        await this.#deliver(units, turn);
      } catch (error) {
        // Where the turn has ended, all have their outcome already.
        for (const unit of units) {
          unit.fail(error);
        }
      }
    }
  }

  /** Sends units, in one request if the server allows. */
  async #deliver(units: readonly Unit[], turn: Turn): Promise<void> {
    const isAtomic = units.some(({ work }) => work.atomic);
    if (isAtomic && units.length > 1 && !this.#peer.joins) {
      return this.#apart(units, turn);
    }
    const form = this.#form();
    if (form === "base64" && units.some(hasBytes)) {
      return this.#oneByOne(units, turn);
    }
    try {
      await this.#persist(units, turn, (pending) => this.#attempt(pending, form, turn));
    } catch (error) {
      const pending = units.filter(({ isSettled }) => !isSettled);
      if (error instanceof Apart) {
        return this.#apart(pending, turn);
      }
      if (error instanceof OtherForm) {
        return this.#deliver(pending, turn);
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

  /** In order, every transaction on its own. */
  async #apart(units: readonly Unit[], turn: Turn): Promise<void> {
    for (const run of runs(units, (unit) => !unit.work.atomic)) {
      await this.#deliver(run, turn);
    }
  }

  /** Commands with bytes each by path, which is the only way to a server that has but the protocol. */
  async #oneByOne(units: readonly Unit[], turn: Turn): Promise<void> {
    for (const run of runs(units, (unit) => !hasBytes(unit))) {
      const [first] = run;
      if (first === undefined || !hasBytes(first)) {
        await this.#deliver(run, turn);
        continue;
      }
      await this.#persist([first], turn, async () => {
        const { commands } = first.work;
        const replies: Reply[] = [];
        for (let at = 0; at < commands.length; at += AT_ONCE) {
          const some = commands.slice(at, at + AT_ONCE).map((command) => this.#byPath(command, turn));
          replies.push(...(await Promise.all(some)));
        }
        first.succeed(replies);
      });
    }
  }

  /** Attempts it until all units have their outcome. */
  async #persist(
    units: readonly Unit[],
    turn: Turn,
    attempt: (pending: readonly Unit[]) => Promise<void>,
  ): Promise<void> {
    let failures = 0;
    let last: Error | undefined;
    for (;;) {
      const pending = units.filter(({ isSettled }) => !isSettled);
      if (pending.length === 0) {
        return;
      }
      try {
        return await attempt(pending);
      } catch (failure) {
        if (!(failure instanceof Failure)) {
          throw failure;
        }
        const { again, after = jittered(failures) } = failure;
        // Why it failed before tells more than that the breaker is open.
        const error = failure.isPassing ? (last ?? failure.error) : failure.error;
        last = error;
        failures += failure.isPassing ? 0 : 1;
        const isLast = failures > this.settings.retries || after >= turn.left;
        for (const unit of pending) {
          if (isLast || again === "none" || (again === "harmless" && unit.work.once)) {
            unit.fail(error);
          }
        }
        if (pending.every(({ isSettled }) => isSettled)) {
          return;
        }
        await turn.pause(after);
      }
    }
  }

  async #attempt(units: readonly Unit[], form: Form, turn: Turn): Promise<void> {
    const isAtomic = units.some(({ work }) => work.atomic);
    const commands =
      units.length === 1 && units[0] ? units[0].work.commands : units.flatMap(({ work }) => work.commands);
    const request = {
      url: this.settings.url + (isAtomic ? "/multi-exec" : "/pipeline"),
      headers: HEADERS[form],
      body: encode(form, commands),
    };
    const replies = await this.#answered(request, turn, (answer) => {
      const { status } = answer;
      if (status >= 200 && status < 300) {
        this.#learn(answer);
        return decode(form, answer.body, commands.length);
      }
      if (form === "resp" && this.#peer.resp !== true && isForeign(status)) {
        this.#peer.resp = false;
        throw new OtherForm();
      }
      if (isAtomic && units.length > 1 && (status === 400 || status === 403)) {
        this.#peer.joins &&= !/CROSSSLOT/i.test(`${answer.body}`);
        throw new Apart();
      }
      return undefined;
    });
    let at = 0;
    for (const unit of units) {
      const end = at + unit.work.commands.length;
      unit.succeed(replies.slice(at, end).map((reply) => this.#redacted(reply)));
      at = end;
    }
  }

  /** One command with bytes as its third argument, which become the body. */
  async #byPath(command: readonly (string | Uint8Array)[], turn: Turn): Promise<Reply> {
    const [name, key, value, ...options] = command as readonly [string, string, Uint8Array, ...string[]];
    const query = options.length === 0 ? "" : `?${options[0]}=${options[1]}`;
    const url = `${this.settings.url}/${name}/${encodeURIComponent(key)}${query}`;
    const request = { url, headers: { "content-type": "application/octet-stream" }, body: exact(value) };
    return this.#answered(request, turn, ({ status, body }) =>
      status < 200 || status >= 300 ? undefined : decodeOne(typeof body === "string" ? body : ""),
    );
  }

  /**
   * Sends a request if the breaker lets it, and tells the breaker what came of it. `understand` makes of the answer what
   * is wanted, or `undefined` if its status stands for a failure.
   */
  async #answered<T>(request: Request, turn: Turn, understand: (answer: Answer) => T | undefined): Promise<T> {
    const { breaker, tokens, server } = this.settings;
    const pass = breaker.enter();
    if (pass === "none") {
      const error = new CacheError("unavailable", `the breaker is open: ${server} has failed over and over`);
      throw new Failure(error, "none", false, 0, true);
    }
    let outcome: "succeeded" | "failed" | "released" = "released";
    try {
      const token = await this.#token(turn);
      const answer = await this.#exchanged(request, token, turn);
      outcome = "succeeded";
      if (answer.status === 401 && !turn.hasRenewed && tokens.renew(token)) {
        turn.hasRenewed = true;
        throw new Failure(failureOf(answer, this.settings).error, "all", false, 0, true);
      }
      const understood = this.#understood(answer, understand);
      if (understood !== undefined) {
        return understood;
      }
      throw failureOf(answer, this.settings);
    } catch (error) {
      if (error instanceof Ended) {
        outcome = error.isLate ? "failed" : "released";
      } else if (error instanceof Failure && error.isOutage) {
        outcome = "failed";
      }
      throw error;
    } finally {
      breaker[outcome](pass);
    }
  }

  async #exchanged({ url, headers, body }: Request, token: string | undefined, turn: Turn): Promise<Answer> {
    const { settings } = this;
    const limit = settings.maxResponseBytes;
    const all = token === undefined ? headers : { ...headers, authorization: `Bearer ${token}` };
    try {
      turn.check();
      return await turn.within(settings.transport()({ url, headers: all, body }, limit, turn));
    } catch (error) {
      if (error instanceof Ended) {
        throw error;
      }
      if (error instanceof TooLarge) {
        const message = `the answer of ${settings.server} is larger than maxResponseBytes, ${limit}`;
        throw new Failure(new CacheError("protocol", message));
      }
      const broken = brokenOff(error, settings.server, (text) => settings.tokens.redact(text));
      throw new Failure(broken.error, broken.isSent ? "harmless" : "all", true);
    }
  }

  async #token(turn: Turn): Promise<string | undefined> {
    const { tokens } = this.settings;
    const token = tokens.current();
    if (token === undefined || typeof token === "string") {
      return token;
    }
    try {
      return await turn.within(token);
    } catch (error) {
      if (error instanceof Ended) {
        tokens.abandon();
        throw new Ended(false);
      }
      throw new Failure(error as Error);
    }
  }

  #understood<T>(answer: Answer, understand: (answer: Answer) => T | undefined): T | undefined {
    try {
      return understand(answer);
    } catch (error) {
      if (!(error instanceof Malformed)) {
        throw error;
      }
      const { server, tokens } = this.settings;
      const { body } = answer;
      const start = beginning(tokens.redact(typeof body === "string" ? body.slice(0, 1000) : latin1(body)));
      const message = `the answer of ${server} is not the protocol (${error.message}); it begins with ${start}`;
      throw new Failure(new CacheError("protocol", message), "none", true);
    }
  }

  #redacted(reply: Reply): Reply {
    return reply instanceof ServerError ? new ServerError(this.settings.tokens.redact(reply.text)) : reply;
  }

  /** What a good answer tells of the server. */
  #learn({ header }: Answer): void {
    const extensions = (header("isocache-extensions") ?? "").split(",").map((name) => name.trim());
    this.#peer.clear = extensions.includes("clear");
    this.#peer.resp = extensions.includes("x-resp") || (header("content-type")?.startsWith(RESP) ?? false);
  }
}

/** Whether a status may say that the body was of no known kind. */
const isForeign = (status: number): boolean => [400, 404, 405, 406, 415, 422, 501].includes(status);

/** How long to wait after so many failures: up to a time that doubles, so that clients do not come back together. */
function jittered(failures: number): number {
  return 1 + Math.random() * Math.min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** failures);
}

function exact(bytes: Uint8Array): ArrayBuffer {
  return new Uint8Array(bytes).buffer;
}

function latin1(bytes: Uint8Array): string {
  return String.fromCharCode(...bytes.subarray(0, 1000));
}
