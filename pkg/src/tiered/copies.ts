/** The copies in memory of a `TieredCache`, and when they are served. */

import { afterTurn, systemNow } from "../clock.js";
import { awakeClock } from "../invalidations/awake-clock.js";
import type { Invalidation } from "../invalidations/types.js";
import { MemoryCache } from "../memory-cache.js";
import type { Entry } from "../types.js";
import { writeOptions } from "../write-options.js";
import { Admission, type Ticket } from "./admission.js";
import type { Dropped, Link } from "./link.js";
import type { TierSettings } from "./options.js";

/** A copy with tags or an expiry. Other copies are stored as the bare value, so that a hit takes no extra step. */
class Kept<V> {
  readonly value: V;
  readonly tags: Entry<V>["tags"];
  /** The time until which the entry is fresh in the store, in milliseconds; `Infinity` means no expiry. */
  readonly freshUntil: number;

  constructor(value: V, tags: Entry<V>["tags"], freshUntil: number) {
    this.value = value;
    this.tags = tags;
    this.freshUntil = freshUntil;
  }
}

/** After this many readings within one millisecond, the clock is read less often. */
const BUSY = 64;
/** The number of hits that are then served without reading the clock, within one turn of the event loop. */
const TRUSTED = 256;
/**
 * For that, copies must stay good for longer than this, in milliseconds: the program may do other work between the
 * hits.
 */
const MARGIN = 1000;
const NO_TAGS = {};

export class Copies<V> {
  readonly memory: MemoryCache<unknown>;
  readonly admission = new Admission();
  readonly counts = { invalidations: 0, resets: 0 };
  /** The clock of the link, in milliseconds. */
  readonly now: () => number;
  readonly #link: Link;
  readonly #settings: TierSettings<V>;
  readonly #isPlain: boolean;
  /** Whether all copies are bare values, which are returned as they are. */
  #isBare: boolean;
  #isClosed = false;
  #hits: number | undefined;
  #trusted = 0;
  /** Whether a callback will end the trust after this turn of the event loop. */
  #isTrusting = false;
  #busy = 0;
  #lastReading = Number.NaN;
  /** Whether copies were good at the last reading. */
  #wasGood = false;
  #lastTime = 0;
  /** Whether the clock was read for this lookup. */
  #hasTicked = false;
  #suspectBefore = 0;
  #badSince: number | undefined;

  constructor(settings: TierSettings<V>, link: Link) {
    const { near, clock } = settings;
    const { sizeOf, onRemoval, clone, ...rest } = near;
    this.#settings = settings;
    this.#link = link;
    this.#isPlain = clone !== true;
    this.#isBare = this.#isPlain;
    this.now = clock ?? awakeClock();
    this.memory = new MemoryCache<unknown>({
      ...{ onOversize: "skip", ...rest, clock: clock ?? (() => this.#time()) },
      ...(sizeOf && { sizeOf: (kept, key) => sizeOf(plainOf<V>(kept), key) }),
      ...(onRemoval && { onRemoval: ({ key, value, reason }) => onRemoval({ key, value: plainOf<V>(value), reason }) }),
    });
  }

  /** Whether copies may be served now. */
  get areGood(): boolean {
    return this.#trusted-- > 0 || this.#read();
  }

  #read(): boolean {
    if (this.#settings.clock !== undefined) {
      // The caller's own clock is read every time.
      return this.now() <= this.#link.goodUntil && !this.#isClosed;
    }
    this.#tick();
    return this.#wasGood;
  }

  /** The clock of the copies: a hit reads it once. */
  #time(): number {
    if (!this.#hasTicked && this.#trusted <= 0) {
      this.#tick();
    }
    return this.#lastTime;
  }

  #tick(): void {
    // The cheapest clock that does not stop while the machine sleeps. While it shows the same time, nothing can have changed.
    const reading = systemNow();
    if (reading !== this.#lastReading) {
      this.#lastReading = reading;
      this.#lastTime = Math.floor(this.now());
      this.#busy = 0;
      this.#wasGood = this.#lastTime <= this.#link.goodUntil && !this.#isClosed;
    } else if (this.#wasGood && ++this.#busy >= BUSY && this.#link.goodUntil - this.#lastTime > MARGIN) {
      this.#trust();
    }
  }

  /** Reads the clock less often until the end of this turn of the event loop, or until an announcement. */
  #trust(): void {
    this.#trusted = TRUSTED;
    if (!this.#isTrusting) {
      this.#isTrusting = true;
      afterTurn(() => {
        this.#isTrusting = false;
        this.#distrust();
      });
    }
  }

  #distrust(): void {
    this.#trusted = 0;
    this.#busy = 0;
    this.#lastReading = Number.NaN;
  }

  /** The value of a good copy under a key, or `undefined`. Counts a hit. */
  hit(key: string): V | undefined {
    if (this.#trusted <= 0) {
      return this.#checked(key);
    }
    this.#trusted--;
    const kept = this.memory.get(key);
    return this.#isBare ? (kept as V | undefined) : this.#opened(kept);
  }

  /** Like `hit`, but reads the clock first. */
  #checked(key: string): V | undefined {
    if (!this.#read()) {
      return undefined;
    }
    this.#hasTicked = true;
    try {
      return this.#opened(this.memory.get(key));
    } finally {
      this.#hasTicked = false;
    }
  }

  #opened(kept: unknown): V | undefined {
    return kept === undefined ? undefined : this.#given(plainOf<V>(kept));
  }

  /** The copy under a key with its tags and expiry, counted. The caller has checked that copies are good. */
  entry(key: string): Entry<V> | undefined {
    const found = this.memory.getEntry(key);
    return found && this.#entryOf(found.value, found.freshFor);
  }

  /** Like `entry`, but without the expiry, and neither counted nor marked as used. */
  peek(key: string): Entry<V> | undefined {
    const kept = this.memory.peek(key);
    return kept === undefined ? undefined : this.#entryOf(kept, null);
  }

  /**
   * How many **seconds** the entry of a copy stays fresh; `null` if it does not expire, `undefined` if there is no
   * copy.
   */
  remaining(key: string): number | null | undefined {
    const kept = this.memory.peek(key);
    if (!(kept instanceof Kept)) {
      return this.memory.ttl(key);
    }
    return kept.freshUntil === Infinity ? null : (kept.freshUntil - this.now()) / 1000;
  }

  #entryOf(kept: unknown, freshFor: number | null): Entry<V> {
    const value = this.#given(plainOf<V>(kept));
    if (!(kept instanceof Kept)) {
      return { value, freshFor, tags: NO_TAGS };
    }
    const { freshUntil, tags } = kept;
    return { value, freshFor: freshUntil === Infinity ? null : freshUntil - this.now(), tags };
  }

  /** Keeps a value as a copy, if nothing has changed its key since the operation began, at `began`. */
  keep(ticket: Ticket, began: number, { value, freshFor, tags }: Entry<V>): void {
    if (!this.admission.end(ticket)) {
      return;
    }
    // It was read after `began`, so it does not expire earlier in the store.
    const passed = this.now() - began;
    const left = (freshFor ?? Infinity) - passed;
    const ttl = Math.min(left, this.#settings.nearTtl);
    if (ttl < 1) {
      return;
    }
    const isTagged = tags !== undefined && Object.keys(tags).length > 0;
    const isCut = left > this.#settings.nearTtl;
    const given = this.#given(value);
    const kept = isTagged || isCut ? new Kept(given, tags, this.now() + left) : given;
    this.#isBare &&= !(kept instanceof Kept);
    this.memory.set(ticket.key, kept, writeOptions(Math.floor(ttl)) as object);
  }

  /** Drops the copies under some keys. */
  drop(keys: readonly string[]): void {
    for (const key of keys) {
      this.memory.delete(key);
    }
  }

  /** Drops all copies, or those that match a pattern. Results of operations in progress are not kept. */
  dropAll(pattern?: string): void {
    this.admission.allChanged();
    if (pattern === undefined) {
      this.memory.clear();
    } else {
      this.memory.clearPattern(pattern);
    }
  }

  /** Drops all copies, and keeps none from now on. */
  close(): void {
    this.#isClosed = true;
    this.#distrust();
    this.dropAll();
    this.#hits = this.hits;
    this.memory.close();
  }

  /** The number of lookups that copies answered. */
  get hits(): number {
    return this.#hits ?? this.memory.stats().hits;
  }

  /** Applies an announcement. */
  take(event: Invalidation): void {
    const now = this.now();
    const dropped = this.#link.take(event, now);
    this.#distrust();
    this.#watch(now);
    if (dropped === "all") {
      this.counts.resets++;
      this.dropAll();
      return;
    }
    this.#end(dropped, event.type === "keys" ? event.own : []);
  }

  #end(dropped: Exclude<Dropped, "all">, own: readonly string[]): void {
    this.counts.invalidations += dropped.length;
    for (const key of dropped) {
      if (!(own.includes(key) && this.admission.isAwaited(key))) {
        this.admission.changed(key);
        this.memory.delete(key);
      }
    }
  }

  /** Updates the total time during which copies were not served. */
  #watch(now: number): void {
    const since = this.#link.suspectSince(now);
    if (since !== undefined) {
      this.#badSince ??= Math.max(since, 0);
    } else if (this.#badSince !== undefined) {
      this.#suspectBefore += now - this.#badSince;
      this.#badSince = undefined;
    }
  }

  /** The total time during which copies were not served, after they first were, in milliseconds. */
  get suspectMs(): number {
    const now = this.now();
    const since = this.#badSince ?? this.#link.suspectSince(now);
    return this.#suspectBefore + (since === undefined || since < 0 ? 0 : now - since);
  }

  /** A copy that is not known to be good, if the settings allow it to be served. */
  suspect(key: string): Entry<V> | undefined {
    const now = this.now();
    const since = this.#link.suspectSince(now) ?? now;
    return now - since <= this.#settings.serveSuspectFor ? this.entry(key) : undefined;
  }

  #given(value: V): V {
    return this.#isPlain ? value : structuredClone(value);
  }
}

function plainOf<V>(kept: unknown): V {
  return kept instanceof Kept ? kept.value : (kept as V);
}
