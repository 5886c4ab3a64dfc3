/**
 * What is known of the connection to the store, and what an announcement means for the copies. It does no I/O and reads no
 * clock: the time is a number of milliseconds that the caller passes in.
 */

import { type Position, positionOf } from "../invalidations/position.js";
import type { Invalidation } from "../invalidations/types.js";

/**
 * `"connected"`: copies are served. `"suspect"`: nothing has been heard for too long, or what was missed is not known yet.
 * `"disconnected"`: the connection is lost, or was never there.
 */
export type LinkState = "connected" | "suspect" | "disconnected";

/** Which copies an announcement ends: all, these keys, or none. */
export type Dropped = "all" | readonly string[];

const NONE: readonly string[] = [];

export class Link {
  /** Until when copies may be served, in milliseconds. */
  goodUntil = Number.NEGATIVE_INFINITY;
  #validFor = 0;
  #state: "connected" | "resuming" | "disconnected" = "disconnected";
  /** Up to where every change is known. */
  #last: Position | undefined;
  /** Since when copies have not been served, where that is known better than by `goodUntil`. */
  #lostAt: number | undefined;

  /** A link for copies that nothing announces: they are good for as long as they are kept. */
  static always(): Link {
    const link = new Link();
    link.goodUntil = Infinity;
    return link;
  }

  /** Takes in an announcement at `now`. Returns which copies it ends. */
  take(event: Invalidation, now: number): Dropped {
    if (event.type === "lost") {
      this.#end(now);
      return NONE;
    }
    const position = positionOf(event.position);
    if (event.type === "hello") {
      return this.#begin(event, position, now);
    }
    if (this.#state === "disconnected") {
      // What comes without a beginning proves nothing.
      return "all";
    }
    const isOfEpoch = position !== undefined && position.epoch === this.#last?.epoch;
    if (event.type === "reset" || !isOfEpoch) {
      this.#last = position;
      this.#confirm(now - event.age);
      return "all";
    }
    if (position.sequence < (this.#last?.sequence ?? 0)) {
      // Delivered twice, or late: it ends copies, and vouches for nothing.
      return droppedBy(event);
    }
    this.#last = position;
    if (this.#state === "resuming" || now <= this.goodUntil) {
      this.#confirm(now - event.age);
    }
    // After a silence, it may be one of many that have piled up: only a source that begins again vouches for what is now.
    return droppedBy(event);
  }

  /** The state at `now`. */
  stateAt(now: number): LinkState {
    if (this.goodUntil === Infinity) {
      return "connected";
    }
    return this.#state === "disconnected" ? "disconnected" : now <= this.goodUntil ? "connected" : "suspect";
  }

  /** Since when copies have not been good, in milliseconds; `undefined` while they are. */
  suspectSince(now: number): number | undefined {
    if (now <= this.goodUntil) {
      return undefined;
    }
    return this.#lostAt ?? this.goodUntil;
  }

  #begin(
    { resumed, validFor, age }: Extract<Invalidation, { type: "hello" }>,
    position: Position | undefined,
    now: number,
  ): Dropped {
    const last = this.#last;
    const continues =
      resumed &&
      last !== undefined &&
      position !== undefined &&
      position.epoch === last.epoch &&
      position.sequence <= last.sequence;
    this.#validFor = validFor;
    if (continues) {
      // What was missed comes next; until then, copies are not good.
      this.#end(now);
      this.#state = "resuming";
      return NONE;
    }
    this.#last = position;
    if (resumed) {
      // A source that continues where this link has never been.
      this.#end(now);
      this.#state = "resuming";
    } else {
      this.#confirm(now - age);
    }
    return "all";
  }

  #confirm(at: number): void {
    this.#state = "connected";
    this.#lostAt = undefined;
    this.goodUntil = Math.max(this.goodUntil, at + this.#validFor);
  }

  #end(now: number): void {
    this.#lostAt ??= Math.min(now, this.goodUntil);
    this.goodUntil = Number.NEGATIVE_INFINITY;
    this.#state = "disconnected";
  }
}

function droppedBy(event: Exclude<Invalidation, { type: "hello" | "lost" }>): Dropped {
  if (event.type === "all" || event.type === "reset") {
    return "all";
  }
  return event.type === "keys" ? event.keys : NONE;
}
