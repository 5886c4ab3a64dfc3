/**
 * Tracks the connection to the store, and decides what an announcement means for the copies. It does no I/O and reads no clock:
 * the caller passes the time in milliseconds.
 */

import { type Position, positionOf } from "../invalidations/position.js";
import type { Invalidation } from "../invalidations/types.js";

/**
 * `"connected"`: copies are served. `"suspect"`: the connection has been silent for too long, or it is not known yet what was
 * missed. `"disconnected"`: the connection is lost, or was never open.
 */
export type LinkState = "connected" | "suspect" | "disconnected";

/** The copies that an announcement drops: all, those of some keys, or none. */
export type Dropped = "all" | readonly string[];

const NONE: readonly string[] = [];

export class Link {
  /** The time until which copies may be served, in milliseconds. */
  goodUntil = Number.NEGATIVE_INFINITY;
  #validFor = 0;
  #state: "connected" | "resuming" | "disconnected" = "disconnected";
  /** The position up to which every change is known. */
  #last: Position | undefined;
  /** When copies stopped being served, if that is known more exactly than from `goodUntil`. */
  #lostAt: number | undefined;

  /** A link without announcements: copies are good for as long as they are kept. */
  static always(): Link {
    const link = new Link();
    link.goodUntil = Infinity;
    return link;
  }

  /** Applies an announcement at `now`. Returns the copies that it drops. */
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
      // Announcements before the first event of a connection prove nothing.
      return "all";
    }
    const isOfEpoch = position !== undefined && position.epoch === this.#last?.epoch;
    if (event.type === "reset" || !isOfEpoch) {
      this.#last = position;
      this.#confirm(now - event.age);
      return "all";
    }
    if (position.sequence < (this.#last?.sequence ?? 0)) {
      // Delivered twice, or late: it drops copies, but does not show that others are good.
      return droppedBy(event);
    }
    this.#last = position;
    if (this.#state === "resuming" || now <= this.goodUntil) {
      this.#confirm(now - event.age);
    }
    // After a silence, it may be one of many queued announcements: only a new connection shows that copies are good now.
    return droppedBy(event);
  }

  /** The state at `now`. */
  stateAt(now: number): LinkState {
    if (this.goodUntil === Infinity) {
      return "connected";
    }
    return this.#state === "disconnected" ? "disconnected" : now <= this.goodUntil ? "connected" : "suspect";
  }

  /** When copies stopped being good, in milliseconds; `undefined` while they are good. */
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
      // The missed changes follow; until then, copies are not good.
      this.#end(now);
      this.#state = "resuming";
      return NONE;
    }
    this.#last = position;
    if (resumed) {
      // The source resumes at a position that this link has never reached.
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
