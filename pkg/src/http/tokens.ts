/** The token of requests: fixed, or returned by a function when needed. */

import { wrongType } from "../check.js";
import { tokenFailed } from "./errors.js";

/** A function that returns a token. */
type TokenSource = () => string | Promise<string>;

/** Keeps the token, and gets a new one if the server has refused it. */
export class Tokens {
  readonly #source: TokenSource | undefined;
  #known: string | undefined;
  #pending: Promise<string> | undefined;

  constructor(source: string | TokenSource | undefined) {
    if (typeof source === "function") {
      this.#source = source;
    } else if (source !== undefined) {
      this.#known = checkToken(source);
    }
  }

  /** The token, or a promise of it, shared by concurrent callers; `undefined` if there is none. */
  current(): string | undefined | Promise<string> {
    if (this.#known !== undefined || this.#source === undefined) {
      return this.#known;
    }
    if (this.#pending === undefined) {
      const pending = this.#get(this.#source);
      const done = () => {
        if (this.#pending === pending) {
          this.#pending = undefined;
        }
      };
      this.#pending = pending;
      pending.then(done, done);
    }
    return this.#pending;
  }

  /** Forgets a refused token. Returns whether there is a function for another one. */
  renew(refused: string | undefined): boolean {
    if (this.#source === undefined) {
      return false;
    }
    if (this.#known === refused) {
      this.#known = undefined;
    }
    return true;
  }

  /** Gives up waiting for a token, so that the next operation requests one again. */
  abandon(): void {
    this.#pending = undefined;
  }

  /** The text without the token. */
  redact(text: string): string {
    return this.#known === undefined ? text : text.replaceAll(this.#known, "(token)");
  }

  async #get(source: TokenSource): Promise<string> {
    try {
      const token = checkToken(await source());
      this.#known = token;
      return token;
    } catch (cause) {
      throw tokenFailed(cause);
    }
  }
}

/** Throws unless the token is a valid header value. The error never shows it. */
function checkToken(token: unknown): string {
  if (typeof token !== "string") {
    throw wrongType("token", "a string or a function that returns one", token);
  }
  if (!/^[!-~]+$/.test(token)) {
    throw new TypeError(
      "isocache: token must be printable ASCII without spaces, and not empty; a line break at its end is a usual cause",
    );
  }
  return token;
}
