/** The circuit breaker: nothing is sent for a while to a server that has failed several times in a row. */

/** When the breaker opens, and for how long. */
export interface BreakerSettings {
  /** Failures in a row that open it. */
  readonly failures: number;
  /** How long it stays open, in milliseconds. */
  readonly cooldown: number;
}

/**
 * `closed`: requests are sent. `open`: none is sent. `half-open`: one is sent as a probe, and its outcome closes or
 * opens the breaker.
 */
export type BreakerState = "closed" | "open" | "half-open";

/** Whether a request may be sent, may be sent as the probe, or may not. */
type Pass = "request" | "probe" | "none";

/** Counts failures. The clock is read only while the breaker is open. */
export class Breaker {
  readonly #settings: BreakerSettings | undefined;
  readonly #clock: () => number;
  /** Failures in a row. */
  failures = 0;
  /** The text of the last failure. */
  last: string | undefined;
  #openedAt: number | undefined;
  #isProbing = false;

  constructor(settings: BreakerSettings | undefined, clock: () => number) {
    this.#settings = settings;
    this.#clock = clock;
  }

  get state(): BreakerState {
    if (this.#openedAt === undefined) {
      return "closed";
    }
    return this.#isProbing || this.left <= 0 ? "half-open" : "open";
  }

  /** Called before each request. Its result is passed back with the outcome. */
  enter(): Pass {
    const { state } = this;
    if (state === "closed") {
      return "request";
    }
    if (state === "open" || this.#isProbing) {
      return "none";
    }
    this.#isProbing = true;
    return "probe";
  }

  /**
   * The server has responded. Only the probe closes an open breaker, not requests that were in progress when it opened.
   */
  succeeded(pass: Pass): void {
    if (pass === "probe" || this.#openedAt === undefined) {
      this.failures = 0;
      this.#openedAt = undefined;
    }
    this.released(pass);
  }

  /** The server has not responded, or has responded that it is unavailable. */
  failed(pass: Pass, why: string | undefined): void {
    this.failures++;
    this.last = why;
    if (
      this.#settings &&
      (pass === "probe" || (this.#openedAt === undefined && this.failures >= this.#settings.failures))
    ) {
      this.#openedAt = this.#clock();
    }
    this.released(pass);
  }

  /** The outcome is unknown: the callers gave up. */
  released(pass: Pass): void {
    if (pass === "probe") {
      this.#isProbing = false;
    }
  }

  /** Milliseconds until a request is sent again. */
  get left(): number {
    const [now, opened] = [this.#clock(), this.#openedAt ?? 0];
    // A clock that was set back must not keep the breaker open.
    return now < opened ? 0 : opened + (this.#settings?.cooldown ?? 0) - now;
  }
}
