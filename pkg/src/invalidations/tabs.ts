/**
 * One stream for all tabs of an origin. The tab that holds a lock leads: it holds the stream, and passes announcements
 * on to the others over a broadcast channel. When it is closed, the lock goes to another tab; when it is frozen and
 * does not respond, another takes the lock from it. The new leader continues the stream at its own position.
 */

import { systemNow } from "../clock.js";
import { sha256 } from "../key/sha256.js";
import type { Timing } from "./stream.js";
import type { Invalidation, InvalidationListener, InvalidationSubscription } from "./types.js";

/** A message between tabs. */
type Message =
  /** An announcement from the leader, for all tabs or for one; `sent` is the system time. */
  | { readonly event: Invalidation; readonly sent: number; readonly to?: string }
  /** A tab's request to the leader for the changes since a position. */
  | { readonly ask: string; readonly since: string | undefined };

interface Channel {
  onmessage: ((message: { data: Message }) => void) | null;
  postMessage(message: Message): void;
  close(): void;
}

interface Locks {
  request(name: string, options: object, act: () => Promise<void>): Promise<void>;
}

interface Browser {
  readonly document?: object;
  readonly navigator?: { readonly locks?: Locks };
  readonly BroadcastChannel?: new (name: string) => Channel;
}

/** The time limit for a response of the leader, in milliseconds. */
const ANSWER_LIMIT = 2000;
/** The number of announcements that the leader remembers for tabs that missed some. */
const REMEMBERED = 256;

const browser = globalThis as Browser;

/** Whether this is a page of a browser whose tabs can share a stream. */
export function canShare(): boolean {
  const { document, navigator, BroadcastChannel } = browser;
  return typeof document === "object" && navigator?.locks !== undefined && BroadcastChannel !== undefined;
}

export class SharedSubscription implements InvalidationSubscription {
  readonly #me = Math.random().toString(36).slice(2);
  readonly #listener: InvalidationListener;
  readonly #follow: (listener: InvalidationListener, since?: string) => InvalidationSubscription;
  readonly #timing: Timing;
  #name = "";
  #channel: Channel | undefined;
  /** The stream, while this tab leads. */
  #stream: InvalidationSubscription | undefined;
  #release: (() => void) | undefined;
  readonly #waiting = new AbortController();
  #isClosed = false;
  #since: string | undefined;
  #recent: Invalidation[] = [];
  /** The last `hello` or `lost`. */
  #state: Invalidation | undefined;
  #validFor = 2 * ANSWER_LIMIT;
  #heardAt: number;
  #timer: unknown;

  /** `follow` begins a stream, after a position if given. */
  constructor(
    name: () => Promise<string>,
    listener: InvalidationListener,
    follow: (listener: InvalidationListener, since?: string) => InvalidationSubscription,
    timing: Timing,
  ) {
    this.#listener = listener;
    this.#follow = follow;
    this.#timing = timing;
    this.#heardAt = timing.now();
    this.#begin(name);
  }

  close(): void {
    this.#isClosed = true;
    this.#timing.clearTimeout(this.#timer as never);
    this.#waiting.abort();
    this.#stream?.close();
    this.#release?.();
    this.#channel?.close();
  }

  async #begin(name: () => Promise<string>): Promise<void> {
    try {
      this.#name = `isocache.${sha256(await name()).join(".")}`;
    } catch (error) {
      // The token is not available at present.
      this.#listener({ type: "lost", error });
      this.#later(() => this.#begin(name), ANSWER_LIMIT);
      return;
    }
    if (this.#isClosed) {
      return;
    }
    const { BroadcastChannel } = browser as Required<Browser>;
    this.#channel = new BroadcastChannel(this.#name);
    this.#channel.onmessage = ({ data }) => this.#hear(data);
    this.#queue();
    this.#ask();
  }

  /** Waits for the lock. */
  #queue(): void {
    this.#request({ signal: this.#waiting.signal });
  }

  #request(options: object): void {
    const { navigator } = browser as { navigator: { locks: Locks } };
    navigator.locks
      .request(this.#name, options, () => this.#lead())
      // Another tab has taken the lock, or this is closed.
      .catch(() => this.#resign());
  }

  /** Leads until the lock is released. */
  #lead(): Promise<void> {
    if (this.#isClosed || this.#stream !== undefined) {
      return Promise.resolve();
    }
    this.#timing.clearTimeout(this.#timer as never);
    this.#stream = this.#follow((event) => this.#tell(event), this.#since);
    return new Promise((resolve) => {
      this.#release = resolve;
    });
  }

  #resign(): void {
    if (this.#isClosed || this.#stream === undefined) {
      return;
    }
    this.#stream.close();
    this.#stream = undefined;
    this.#release = undefined;
    this.#listener({ type: "lost", error: undefined });
    this.#queue();
    this.#ask();
  }

  /** As the leader: passes on an announcement of the stream. */
  #tell(event: Invalidation): void {
    this.#note(event);
    this.#recent.push(event);
    if (this.#recent.length > REMEMBERED) {
      this.#recent.shift();
    }
    // Changes by this tab are not those of the other tabs.
    this.#post({ event: event.type === "keys" ? { ...event, own: [] } : event, sent: systemNow() });
    this.#listener(event);
  }

  #hear(message: Message): void {
    if ("ask" in message) {
      if (this.#stream !== undefined) {
        this.#answer(message.ask, message.since);
      }
      return;
    }
    const { event, sent, to = this.#me } = message;
    if (to !== this.#me || this.#stream !== undefined) {
      return;
    }
    const hasSlept = this.#timing.now() - this.#heardAt > this.#validFor;
    this.#note(event);
    this.#listener(event.type === "lost" ? event : { ...event, age: event.age + Math.max(systemNow() - sent, 0) });
    if (hasSlept) {
      // The messages that piled up do not show the current state.
      this.#ask();
    } else {
      this.#watch();
    }
  }

  #note(event: Invalidation): void {
    this.#heardAt = this.#timing.now();
    if (event.type === "hello" || event.type === "lost") {
      this.#state = event;
    }
    if (event.type === "hello") {
      this.#validFor = event.validFor;
    }
    if (event.type !== "lost") {
      this.#since = event.position;
    }
  }

  /** As the leader: sends one tab the changes that it missed. */
  #answer(to: string, since: string | undefined): void {
    const sent = systemNow();
    const state = this.#state;
    if (state?.type !== "hello" || this.#since === undefined) {
      this.#post({ event: state ?? { type: "lost", error: undefined }, sent, to });
      return;
    }
    const age = this.#timing.now() - this.#heardAt;
    const at = this.#recent.findLastIndex((event) => event.type !== "lost" && event.position === since);
    const [position, resumed] = at < 0 || since === undefined ? [this.#since, false] : [since, true];
    this.#post({ event: { ...state, position, resumed, age }, sent, to });
    for (const event of resumed ? this.#recent.slice(at + 1) : []) {
      if (event.type === "keys" || event.type === "all" || event.type === "reset") {
        this.#post({ event: event.type === "keys" ? { ...event, own: [], age } : { ...event, age }, sent, to });
      }
    }
    this.#post({ event: { type: "heartbeat", position: this.#since, age }, sent, to });
  }

  #post(message: Message): void {
    // Errors are objects that some channels cannot send.
    const isLost = "event" in message && message.event.type === "lost";
    this.#channel?.postMessage(isLost ? { ...message, event: { type: "lost", error: undefined } } : message);
  }

  /** Requests missed changes from the leader, and takes the lock if there is no response. */
  #ask(): void {
    if (this.#stream !== undefined) {
      return;
    }
    const asked = this.#timing.now();
    this.#post({ ask: this.#me, since: this.#since });
    // Random, so that not all tabs take it.
    const limit = ANSWER_LIMIT * (1 + Math.random());
    this.#later(() => {
      if (this.#stream === undefined && this.#heardAt < asked) {
        this.#request({ steal: true });
      }
    }, limit);
  }

  /** Sends a request when a heartbeat is missing, or after a while if there is no stream. */
  #watch(): void {
    this.#later(() => this.#ask(), (this.#validFor / 2) * 1.1);
  }

  #later(act: () => void, milliseconds: number): void {
    this.#timing.clearTimeout(this.#timer as never);
    this.#timer = this.#timing.setTimeout(() => {
      if (!this.#isClosed) {
        act();
      }
    }, milliseconds);
  }
}
