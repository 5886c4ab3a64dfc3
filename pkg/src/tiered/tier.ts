/** The reads and writes of a `TieredCache`: from copies if they may be served, and otherwise from the store, `far`. */

import { CacheError } from "../http/errors.js";
import type { InvalidationSubscription } from "../invalidations/types.js";
import { MAX_TIMER } from "../load/run.js";
import { after, isPromise, type MaybePromise } from "../promise.js";
import type { Provider } from "../provider.js";
import type { Entry } from "../types.js";
import type { Ticket } from "./admission.js";
import { Copies } from "./copies.js";
import { Link } from "./link.js";
import type { TierSettings } from "./options.js";
import { Retries } from "./retries.js";

/** A read in progress. */
interface Flight<V> {
  readonly ticket: Ticket;
  readonly began: number;
  readonly outcome: Promise<Entry<V> | undefined>;
}

/** The maximum time a read waits for a poll, in milliseconds. */
const CHECK_LIMIT = 5000;

export class Tier<V> {
  readonly far: Provider<V>;
  readonly copies: Copies<V>;
  readonly link: Link;
  readonly retries: Retries;
  readonly counts = { farHits: 0, misses: 0 };
  /** The last measured time from the end of a write of this cache to its announcement, in milliseconds. */
  lag: number | undefined;
  readonly #settings: TierSettings<V>;
  readonly #flights = new Map<string, Flight<V>>();
  #subscription: InvalidationSubscription | undefined;
  /** Waiting calls of `ready`. Each callback is called once, with an error if the cache was closed. */
  readonly #waiters = new Set<(error?: Error) => void>();
  /** The cause of the last loss of the source. */
  #lastLoss: unknown;
  #isClosed = false;
  /** A write that has not been announced yet, and when it ended. */
  #probe: { readonly key: string; readonly at: number } | undefined;

  constructor(far: Provider<V>, settings: TierSettings<V>) {
    this.far = far;
    this.#settings = settings;
    this.link = settings.source === undefined ? Link.always() : new Link();
    this.copies = new Copies(settings, this.link);
    this.retries = new Retries(settings.retryWrites, settings.onUnsentWrite);
  }

  /** Starts listening. Operations call it, since edge workers allow no requests before the first one. */
  start(): void {
    if (this.#isClosed) {
      throw closed();
    }
    const { source } = this.#settings;
    if (source === undefined || this.#subscription !== undefined) {
      return;
    }
    this.#subscription = source.listen((event) => {
      if (this.#isClosed) {
        return;
      }
      if (event.type === "keys" && this.#probe !== undefined && event.keys.includes(this.#probe.key)) {
        this.lag = this.copies.now() - this.#probe.at;
        this.#probe = undefined;
      }
      if (event.type === "lost") {
        this.#lastLoss = event.error;
      }
      this.copies.take(event);
      if (this.#waiters.size > 0 && this.copies.areGood) {
        this.#settleWaiters();
      }
    });
  }

  /** Resolves when copies may be served; rejects after `limit` milliseconds. */
  async ready(limit: number): Promise<void> {
    this.start();
    if (this.copies.areGood) {
      return;
    }
    return new Promise((resolve, reject) => {
      const settle = (error?: Error) => {
        clearTimeout(timer);
        this.#waiters.delete(settle);
        if (error === undefined) {
          resolve();
        } else {
          reject(error);
        }
      };
      const timer = setTimeout(() => settle(unready(limit, this.#lastLoss)), Math.min(limit, MAX_TIMER));
      this.#waiters.add(settle);
      this.#subscription?.check?.();
    });
  }

  #settleWaiters(error?: Error): void {
    for (const settle of this.#waiters) {
      settle(error);
    }
  }

  /** Reads the entry under a key without a good copy. `isCounted` tells whether that counts as a lookup. */
  miss(key: string, isCounted: boolean): MaybePromise<Entry<V> | undefined> {
    this.start();
    if (this.copies.areGood) {
      return this.#read(key, isCounted);
    }
    const { serveSuspect } = this.#settings;
    const suspect = serveSuspect === "always" ? this.copies.suspect(key) : undefined;
    const check = this.#subscription?.check?.();
    if (suspect !== undefined) {
      return suspect;
    }
    if (check === undefined) {
      return this.#readUnchecked(key, isCounted);
    }
    return within(CHECK_LIMIT, check).then(() => {
      const copy = this.copies.areGood ? this.copies.entry(key) : undefined;
      return copy ?? this.#readUnchecked(key, isCounted);
    });
  }

  #readUnchecked(key: string, isCounted: boolean): MaybePromise<Entry<V> | undefined> {
    if (this.#settings.serveSuspect !== "if-far-fails") {
      return this.#read(key, isCounted);
    }
    const rescued = (error: unknown) => {
      const suspect = this.copies.suspect(key);
      if (suspect === undefined) {
        throw error;
      }
      return suspect;
    };
    try {
      const found = this.#read(key, isCounted);
      return isPromise(found) ? found.catch(rescued) : found;
    } catch (error) {
      return rescued(error);
    }
  }

  #read(key: string, isCounted: boolean): MaybePromise<Entry<V> | undefined> {
    const found = this.#readFar(key);
    return isCounted
      ? after(found, (entry) => {
          this.count(entry);
          return entry;
        })
      : found;
  }

  /** Reads from the store, once for all concurrent callers until the key changes, and keeps a copy. */
  #readFar(key: string): MaybePromise<Entry<V> | undefined> {
    const { admission } = this.copies;
    const open = this.#flights.get(key);
    const began = this.copies.now();
    // While changes are not announced, every caller reads the current entry.
    if (open !== undefined && this.copies.areGood && admission.isClean(open.ticket)) {
      return open.outcome.then((entry) => {
        // It was fresh when that read began. If it may have expired before this one began, the store is read again.
        const freshFor = entry?.freshFor ?? Infinity;
        return freshFor > 0 && freshFor <= began - open.began ? this.#readFar(key) : entry;
      });
    }
    const ticket = admission.begin(key, false);
    const arrived = (entry: Entry<V> | undefined) => {
      if (entry === undefined) {
        admission.end(ticket);
      } else {
        this.copies.keep(ticket, began, entry);
      }
      return entry;
    };
    let found: MaybePromise<Entry<V> | undefined>;
    try {
      found = this.#ask(key);
    } catch (error) {
      admission.end(ticket);
      throw error;
    }
    if (!isPromise(found)) {
      return arrived(found);
    }
    const settled = () => {
      if (this.#flights.get(key)?.ticket === ticket) {
        this.#flights.delete(key);
      }
    };
    const outcome = found.then(
      (entry) => {
        settled();
        return arrived(entry);
      },
      (error) => {
        settled();
        admission.end(ticket);
        throw error;
      },
    );
    this.#flights.set(key, { ticket, began, outcome });
    return outcome;
  }

  /** Reads the value and its remaining ttl, in one request if the store supports that. */
  #ask(key: string): MaybePromise<Entry<V> | undefined> {
    const { far } = this;
    if (far.getEntry) {
      return far.getEntry(key);
    }
    if (far.getWithTtl) {
      const found = far.getWithTtl(key);
      const timed = (one: Awaited<typeof found>) => one && { value: one.value, freshFor: inMilliseconds(one.ttl) };
      return isPromise(found) ? found.then(timed) : timed(found);
    }
    const left = far.ttl?.(key) ?? null;
    const value = far.get(key);
    if (!isPromise(left) && !isPromise(value)) {
      return value === undefined ? undefined : { value, freshFor: inMilliseconds(left ?? null) };
    }
    return Promise.all([value, left]).then(([found, ttl]) =>
      found === undefined ? undefined : { value: found, freshFor: inMilliseconds(ttl ?? null) },
    );
  }

  /** Counts a lookup that the store answered. */
  count(entry: Entry<V> | undefined): void {
    const isHit = entry !== undefined && (entry.freshFor === null || entry.freshFor > 0);
    this.counts[isHit ? "farHits" : "misses"]++;
  }

  /**
   * Writes to the store. Copies under the keys are dropped before and after it. Then the entries that `kept` returns
   * for the result are kept as copies, unless another client changed their key at the same time.
   */
  write<R>(
    keys: readonly string[],
    send: () => MaybePromise<R>,
    kept?: (result: R) => ReadonlyMap<string, Entry<V>> | undefined,
  ): MaybePromise<R> {
    const { copies } = this;
    this.start();
    const tickets = [...new Set(keys)].map((key) => copies.admission.begin(key, true));
    const began = copies.now();
    copies.drop(keys);
    const fail = () => {
      copies.drop(keys);
      for (const ticket of tickets) {
        copies.admission.abandon(ticket);
      }
    };
    const succeed = (result: R) => {
      const entries = kept?.(result);
      copies.drop(keys);
      for (const ticket of tickets) {
        const entry = entries?.get(ticket.key);
        if (entry === undefined) {
          copies.admission.end(ticket);
        } else {
          copies.keep(ticket, began, entry);
        }
      }
      const [first] = tickets;
      if (first !== undefined && this.#settings.source !== undefined) {
        // It may have been announced before the response arrived.
        this.lag = first.announced ? 0 : this.lag;
        this.#probe ??= first.announced ? undefined : { key: first.key, at: copies.now() };
      }
      return result;
    };
    return settle(send, succeed, fail);
  }

  /** Like `write`, for all keys that match a pattern. */
  writeAll<R>(pattern: string, send: () => MaybePromise<R>): MaybePromise<R> {
    this.start();
    this.copies.dropAll(pattern);
    const finish = () => this.copies.dropAll(pattern);
    const succeed = (result: R) => {
      finish();
      return result;
    };
    return settle(send, succeed, finish);
  }

  /** Sends a write, or queues it if the settings allow that. `later` is the result of a queued write. */
  retried<R>(operation: string, key: string, send: () => MaybePromise<R>, later: R): MaybePromise<R> {
    if (this.#settings.retryWrites === 0) {
      return send();
    }
    const write = { operation, key };
    // A later write must not overtake a queued one, not even if the queue is full.
    if (this.retries.size > 0) {
      if (this.retries.take(this.retries.lastError, write, send)) {
        return later;
      }
      throw this.retries.lastError;
    }
    const failed = (error: unknown) => {
      if (this.retries.take(error, write, send)) {
        return later;
      }
      throw error;
    };
    try {
      const sent = send();
      return isPromise(sent) ? sent.catch(failed) : sent;
    } catch (error) {
      return failed(error);
    }
  }

  /** Closes everything except the store. */
  close(): void {
    if (this.#isClosed) {
      return;
    }
    this.#isClosed = true;
    this.#subscription?.close();
    this.retries.close();
    this.#settleWaiters(closed());
    this.copies.close();
  }
}

function unready(limit: number, cause: unknown): CacheError {
  const why = cause instanceof Error ? `; the last attempt failed: ${cause.message.replace(/^isocache: /, "")}` : "";
  const message = `no connection for changed keys within ${limit} ms (the argument of ready)${why}`;
  return new CacheError("timeout", message, undefined, { cause });
}

function closed(): Error {
  return new Error("isocache: this TieredCache is closed; make a new one");
}

function inMilliseconds(ttl: number | null): number | null {
  return ttl === null ? null : ttl * 1000;
}

/** The outcome of `send`, after `succeed` or `fail` has been called. */
function settle<R>(send: () => MaybePromise<R>, succeed: (result: R) => R, fail: () => void): MaybePromise<R> {
  const failed = (error: unknown): never => {
    fail();
    throw error;
  };
  let sent: MaybePromise<R>;
  try {
    sent = send();
  } catch (error) {
    return failed(error);
  }
  return isPromise(sent) ? sent.then(succeed, failed) : succeed(sent);
}

/**
 * Resolves when the promise settles or the time has passed: in an edge worker, a promise of another request may never
 * settle.
 */
function within(limit: number, promise: Promise<void>): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, limit);
    promise.finally(() => {
      clearTimeout(timer);
      resolve();
    });
  });
}
