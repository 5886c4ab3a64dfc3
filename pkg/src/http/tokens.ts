/** The token of requests: fixed, or minted when it is needed. */

import { wrongType } from "../check.js";
import { tokenFailed } from "./errors.js";

/** A function that gives a token. */
export type TokenSource = () => string | Promise<string>;

/** Keeps the token, and asks for a new one when the server has refused it. */
export class Tokens {
  readonly #source: TokenSource | undefined;
  #known: string | undefined;
  #minting: Promise<string> | undefined;

  constructor(source: string | TokenSource | undefined) {
    if (typeof source === "function") {
      this.#source = source;
    } else if (source !== undefined) {
      this.#known = checkToken(source);
    }
  }

  /** The token, or a promise of it; `undefined` if there is none. Who asks meanwhile shares the promise. */
  current(): string | undefined | Promise<string> {
    if (this.#known !== undefined || this.#source === undefined) {
      return this.#known;
    }
    if (this.#minting === undefined) {
      const minting = this.#mint(this.#source);
      const done = () => {
        if (this.#minting === minting) {
          this.#minting = undefined;
        }
      };
      this.#minting = minting;
      minting.then(done, done);
    }
    return this.#minting;
  }

  /** Forgets a token that was refused; true if another may be asked for. */
  renew(refused: string | undefined): boolean {
    if (this.#source === undefined) {
      return false;
    }
    if (this.#known === refused) {
      this.#known = undefined;
    }
    return true;
  }

  /** Gives up waiting for a token, so that the next operation asks again. */
  abandon(): void {
    this.#minting = undefined;
  }

  /** A text without the token, should it be in there. */
  redact(text: string): string {
    return this.#known === undefined ? text : text.replaceAll(this.#known, "(token)");
  }

  async #mint(source: TokenSource): Promise<string> {
    try {
      const token = checkToken(await source());
      this.#known = token;
      return token;
    } catch (cause) {
      throw tokenFailed(cause);
    }
  }
}

/** Throws unless it is a text that a header can carry; never shows it. */
function checkToken(token: unknown): string {
  if (typeof token !== "string") {
    throw wrongType("token", "a string or a function that gives one", token);
  }
  if (!/^[!-~]+$/.test(token)) {
    throw new TypeError(
      "isocache: token must be printable ASCII without spaces, and not empty; a line break at its end is a usual cause",
    );
  }
  return token;
}
