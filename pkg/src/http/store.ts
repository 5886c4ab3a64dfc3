/** The entries of a server: how they are written, how replies are read as entries, and which of them are stale. */

import { checkOptions, checkValue, quote } from "../check.js";
import { systemNow } from "../clock.js";
import { isGenerations } from "../generations.js";
import type { CacheStats } from "../types.js";
import type { KnownOptions } from "../write-options.js";
import type { Client } from "./client.js";
import { opened, type Stored, sealed } from "./envelope.js";
import { notDecoded, wrongReply } from "./errors.js";
import { type Command, checked, list, type Reply } from "./reply.js";
import type { RequestOptions } from "./types.js";

export const REQUEST_OPTIONS = ["signal"];
/** Keys in one command. */
const KEYS_AT_ONCE = 500;

/** How the commands of an operation may be sent: as one transaction, and only once. */
interface How {
  atomic?: boolean;
  once?: boolean;
}

/** What an `HttpCache` and its namespaces share. Keys here have the namespace in front, except in errors. */
export class Store {
  readonly client: Client;
  /** The ttl of writes without one, in milliseconds. */
  readonly ttl: number;
  /** Whether an entry has been seen that is kept after its ttl: only then `delete` must look at what it removes. */
  keepsStale = false;
  readonly counts = { hits: 0, misses: 0, sets: 0, deletes: 0 };

  constructor(client: Client, ttl: number) {
    this.client = client;
    this.ttl = ttl;
  }

  /** The replies to commands, one for each. */
  ask(commands: readonly Command[], options?: RequestOptions, how?: How): Promise<readonly Reply[]> {
    if (options !== undefined) {
      checkOptions(options, REQUEST_OPTIONS);
    }
    return this.client.ask({ commands, ...how }, options?.signal);
  }

  /** The replies to commands that together have an argument for each of a list, in their order. */
  async askInParts<T>(
    of: readonly T[],
    commands: (some: readonly T[]) => readonly Command[],
    options?: RequestOptions,
  ): Promise<readonly Reply[]> {
    const asked: Promise<readonly Reply[]>[] = [];
    for (let at = 0; at < of.length; at += KEYS_AT_ONCE) {
      asked.push(this.ask(commands(of.slice(at, at + KEYS_AT_ONCE)), options));
    }
    // The first failure is thrown when all have ended.
    await Promise.allSettled(asked);
    return (await Promise.all(asked)).flat();
  }

  /** What is stored under keys, in their order. */
  async readMany(keys: readonly string[], options?: RequestOptions): Promise<Reply[]> {
    const lengths: number[] = [];
    const commands = (some: readonly string[]) => {
      lengths.push(some.length);
      return [["MGET", ...some]];
    };
    const replies = await this.askInParts(keys, commands, options);
    return replies.flatMap((reply, at) => list("MGET", reply, lengths[at]));
  }

  /** Whether entries are stale, by key in their order; all are fresh while no stale one can be. */
  async areStale(keys: readonly string[], options?: RequestOptions): Promise<boolean[]> {
    return this.keepsStale ? (await this.readMany(keys, options)).map((reply) => this.isStale(reply)) : [];
  }

  /** The command that stores an entry, which is checked; or that removes it, if it has expired already. */
  write(key: string, whole: string, value: unknown, options: KnownOptions): Command {
    const { ttl, staleFor, tags } = options;
    checkValue(key, value);
    this.keepsStale ||= staleFor > 0;
    const stored = this.#sealed(key, {
      value,
      freshUntil: staleFor > 0 ? systemNow() + ttl : undefined,
      tags: isGenerations(tags) ? Object.fromEntries(tags.of) : undefined,
    });
    if (ttl === 0) {
      return ["UNLINK", whole];
    }
    const end = ttl + staleFor;
    return ["SET", whole, stored, ...(end === Infinity ? [] : ["PX", `${Math.min(end, Number.MAX_SAFE_INTEGER)}`])];
  }

  /** The value that a reply stands for, counted; `undefined` for an absent key, and for a stale entry. */
  value(key: string, reply: Reply | undefined): unknown {
    return this.counted(this.opened(key, reply));
  }

  /** The value of an entry if it is fresh, which counts as a hit; otherwise it is a miss. */
  counted(stored: Stored | undefined): unknown {
    const isHit = stored !== undefined && isFresh(stored);
    this.counts[isHit ? "hits" : "misses"]++;
    return isHit ? stored.value : undefined;
  }

  /** The entry that a reply stands for, be it fresh or stale; `undefined` for an absent key. */
  opened(key: string, reply: Reply | undefined): Stored | undefined {
    const stored = checked(reply, key);
    if (stored === null) {
      return undefined;
    }
    const { serializer } = this.client.settings;
    const isText = serializer.format === "text";
    if (!(isText ? typeof stored === "string" : stored instanceof Uint8Array)) {
      throw wrongReply("GET", "a value", key);
    }
    try {
      const found = opened(
        isText ? serializer.deserialize(stored as string) : serializer.deserialize(stored as Uint8Array),
      );
      this.keepsStale ||= found.freshUntil !== undefined;
      return found;
    } catch (error) {
      throw notDecoded(key, error instanceof Error ? error.name : typeof error);
    }
  }

  /** Whether a reply is a stale entry. A value that cannot be decoded is not. */
  isStale(reply: Reply | undefined): boolean {
    try {
      const stored = this.opened("", reply);
      return stored !== undefined && !isFresh(stored);
    } catch {
      return false;
    }
  }

  stats(entries: number | undefined): CacheStats {
    const { hits, misses } = this.counts;
    const hitRate = hits / (hits + misses || 1);
    return { ...this.counts, hitRate, evictions: 0, expirations: 0, entries, bytes: undefined };
  }

  /** The form in which an entry is stored. @throws TypeError for a value that the serializer cannot store. */
  #sealed(key: string, stored: Stored): string | Uint8Array {
    try {
      return sealed(stored, this.client.settings.serializer);
    } catch (error) {
      const why = error instanceof Error ? error.message.replace(/^isocache: /, "") : typeof error;
      const Kind = error instanceof RangeError ? RangeError : TypeError;
      throw new Kind(`isocache: the value of key ${quote(key)} cannot be stored: ${why}`, { cause: error });
    }
  }
}

/** Whether a stored entry is fresh. */
function isFresh({ freshUntil }: Stored): boolean {
  return freshUntil === undefined || freshUntil > systemNow();
}
