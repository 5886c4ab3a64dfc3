/** The entries of a server: writing them, reading replies as entries, and recognizing stale ones. */

import { checkOptions, checkValue, quote } from "../check.js";
import { systemNow } from "../clock.js";
import { isGenerations } from "../generations.js";
import { REQUEST_OPTIONS } from "../option-names.js";
import type { CacheStats } from "../types.js";
import type { KnownOptions } from "../write-options.js";
import type { Client } from "./client.js";
import { opened, type Stored, sealed } from "./envelope.js";
import { notDecoded, wrongReply } from "./errors.js";
import { type Command, checked, count, list, type Reply, ServerError } from "./reply.js";
import type { RequestOptions } from "./types.js";

/** The last byte of a value's beginning that shows whether it may be an envelope: 16 bytes. */
const HEAD_END = "15";
/** For servers with scripts, as in Rust: replaces a value if it is the expected one. Returns 1 if it was replaced. */
const COMPARE_AND_SET =
  "if redis.pcall('GET', KEYS[1]) ~= ARGV[1] then return 0 end " +
  "if ARGV[3] then redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3]) else redis.call('SET', KEYS[1], ARGV[2]) end " +
  "return 1";
/** Put before it if the values are bytes in hexadecimal: such servers take no bytes in a list of commands. */
const FROM_HEX =
  "for i = 1, 2 do ARGV[i] = ARGV[i]:gsub('..', function(c) return string.char(tonumber(c, 16)) end) end ";
/** The number of keys in one command. */
const KEYS_AT_ONCE = 500;

/** How the commands of an operation may be sent: as one transaction, and only once. */
interface How {
  atomic?: boolean;
  once?: boolean;
}

/** The state that an `HttpCache` and its namespaces share. Keys here include the namespace, except in errors. */
export class Store {
  readonly client: Client;
  /** The ttl of writes without one, in milliseconds. */
  readonly ttl: number;
  /** Whether entries may be stale. False with a serializer that writes no envelopes. */
  readonly hasStale: boolean;
  readonly counts = { hits: 0, misses: 0, sets: 0, deletes: 0 };

  constructor(client: Client, ttl: number) {
    this.client = client;
    this.ttl = ttl;
    this.hasStale = client.settings.serializer.envelope !== null;
  }

  /** The replies to commands, one for each. */
  ask(commands: readonly Command[], options?: RequestOptions, how?: How): Promise<readonly Reply[]> {
    if (options !== undefined) {
      checkOptions(options, REQUEST_OPTIONS);
    }
    return this.client.ask({ commands, ...how }, options?.signal);
  }

  /**
   * Executes operations on parts of a list, and returns what `read` makes of their replies, in the order of the list.
   */
  async inParts<T, R>(
    of: readonly T[],
    commands: (some: readonly T[]) => readonly Command[],
    read: (replies: readonly Reply[], some: readonly T[]) => readonly R[],
    options?: RequestOptions,
  ): Promise<R[]> {
    const all: Promise<readonly R[]>[] = [];
    for (let at = 0; at < of.length; at += KEYS_AT_ONCE) {
      const some = of.slice(at, at + KEYS_AT_ONCE);
      all.push(this.ask(commands(some), options).then((replies) => read(replies, some)));
    }
    // The first failure is thrown when all have ended.
    await Promise.allSettled(all);
    return (await Promise.all(all)).flat();
  }

  /** The replies to one command for each key, in the same order. */
  askEach(keys: readonly string[], command: (key: string) => Command, options?: RequestOptions): Promise<Reply[]> {
    return this.inParts(
      keys,
      (some) => some.map(command),
      (replies) => replies,
      options,
    );
  }

  /** The stored values under keys, in the same order. */
  readMany(keys: readonly string[], options?: RequestOptions): Promise<Reply[]> {
    return this.inParts(
      keys,
      (some) => [["MGET", ...some]],
      ([reply], some) => list("MGET", reply, some.length),
      options,
    );
  }

  /**
   * Whether entries are stale, by key in the same order. Reads whole values only of entries that may be envelopes,
   * judging by their beginning.
   */
  async areStale(keys: readonly string[], options?: RequestOptions): Promise<boolean[]> {
    const stale = keys.map(() => false);
    if (!this.hasStale || keys.length === 0) {
      return stale;
    }
    const heads = await this.askEach(keys, (key) => ["GETRANGE", key, "0", HEAD_END], options);
    const { envelope } = this.client.settings.serializer;
    const places = [...keys.keys()].filter((at) => mayBeEnvelope(envelope, heads[at]));
    const values = await this.readMany(
      places.map((at) => keys[at] as string),
      options,
    );
    for (const [at, place] of places.entries()) {
      stale[place] = this.isStale(values[at]);
    }
    return stale;
  }

  /** Removes entries, and returns the number of fresh ones. */
  async remove(keys: readonly string[], options?: RequestOptions): Promise<number> {
    const counts = await this.#unlink([...new Set(keys)], (some) => [["UNLINK", ...some]], options);
    return counts.reduce((sum, count) => sum + count, 0);
  }

  /** Removes entries, and returns for each whether it was fresh. */
  async removeEach(keys: readonly string[], options?: RequestOptions): Promise<boolean[]> {
    const commands = (some: readonly string[]) => some.map((key) => ["UNLINK", key]);
    return (await this.#unlink(keys, commands, options)).map((count) => count > 0);
  }

  /** The counts of commands that remove keys, without stale entries, which the same request looks for. */
  #unlink(
    keys: readonly string[],
    commands: (some: readonly string[]) => readonly Command[],
    options?: RequestOptions,
  ): Promise<number[]> {
    return this.inParts(
      keys,
      (some) => [...(this.hasStale ? [["MGET", ...some]] : []), ...commands(some)],
      (replies, some) => {
        const removed = replies.slice(-commands(some).length).map((reply) => count("UNLINK", reply));
        const values = this.hasStale ? list("MGET", replies[0], some.length) : [];
        for (const [at, value] of values.entries()) {
          const of = removed.length > 1 ? at : 0;
          removed[of] = Math.max((removed[of] ?? 0) - Number(this.isStale(value)), 0);
        }
        return removed;
      },
      options,
    );
  }

  /** Replaces the stored value under a key, if it is still `expected`. Returns whether it was. */
  async compareAndSet(
    key: string,
    expected: string | Uint8Array,
    stored: string | Uint8Array,
    ttl: number,
    options?: RequestOptions,
  ): Promise<boolean> {
    const end = ttl === Infinity ? [] : [`${ttl}`];
    const script = typeof stored === "string" ? COMPARE_AND_SET : FROM_HEX + COMPARE_AND_SET;
    const command = this.client.hasCompareAndSet
      ? ["ISOCACHE.CAS", key, expected, stored, ...end]
      : ["EVAL", script, "1", key, asText(expected), asText(stored), ...end];
    // A second attempt would find what the first one stored.
    const [reply] = await this.ask([command], options, { once: true });
    return count(command[0] as string, reply) > 0;
  }

  /** The command that stores a checked entry, or that removes it if it has already expired. */
  write(key: string, whole: string, value: unknown, options: KnownOptions): Command {
    const { ttl, staleFor, tags } = options;
    checkValue(key, value);
    const stored = this.sealed(key, {
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

  /** Sends the commands that store entries under these keys, which are those of the caller. Counts them. */
  async writeMany(
    keys: readonly string[],
    commands: readonly Command[],
    options: RequestOptions | undefined,
  ): Promise<void> {
    const same = <E>(some: E): E => some;
    const replies = await this.inParts(commands, same, same, options);
    replies.forEach((reply, at) => {
      checked(reply, keys[at]);
    });
    this.counts.sets += replies.length;
  }

  /** The value in a reply, counted; `undefined` for an absent key and for a stale entry. */
  value(key: string, reply: Reply | undefined): unknown {
    const stored = this.opened(key, reply);
    const isHit = stored !== undefined && isFresh(stored);
    this.count(isHit);
    return isHit ? stored.value : undefined;
  }

  /** Counts a lookup. */
  count(isHit: boolean): void {
    this.counts[isHit ? "hits" : "misses"]++;
  }

  /** The entry in a reply, fresh or stale; `undefined` for an absent key. */
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
      return opened(isText ? serializer.deserialize(stored as string) : serializer.deserialize(stored as Uint8Array));
    } catch (error) {
      throw notDecoded(key, error instanceof Error ? error.name : typeof error);
    }
  }

  /** As `opened`; a value that cannot be decoded counts as a fresh entry. */
  openedIfPossible(reply: Reply | undefined): Stored | undefined {
    try {
      return this.opened("", reply);
    } catch {
      return { value: undefined };
    }
  }

  /** Whether a reply is a stale entry. */
  isStale(reply: Reply | undefined): boolean {
    const stored = this.openedIfPossible(reply);
    return stored !== undefined && !isFresh(stored);
  }

  stats(entries: number | undefined): CacheStats {
    const { hits, misses } = this.counts;
    const hitRate = hits / (hits + misses || 1);
    return { ...this.counts, hitRate, evictions: 0, expirations: 0, entries, bytes: undefined };
  }

  /** The stored form of an entry. @throws TypeError for a value that the serializer cannot store. */
  sealed(key: string, stored: Stored): string | Uint8Array {
    try {
      return sealed(stored, this.client.settings.serializer);
    } catch (error) {
      const why = error instanceof Error ? error.message.replace(/^isocache: /, "") : typeof error;
      const Kind = error instanceof RangeError ? RangeError : TypeError;
      throw new Kind(`isocache: the value of key ${quote(key)} cannot be stored: ${why}`, { cause: error });
    }
  }
}

/** The signal in options that may be just a ttl. */
export function signalOf(options: unknown): RequestOptions | undefined {
  const { signal } = Object(options) as RequestOptions;
  return signal && { signal };
}

/** Whether a stored entry is fresh. */
export function isFresh({ freshUntil }: Stored): boolean {
  return freshUntil === undefined || freshUntil > systemNow();
}

/** Whether a reply is a value, not an error or nil. */
export function isValue(reply: Reply | undefined): reply is string | Uint8Array {
  return typeof reply === "string" || reply instanceof Uint8Array;
}

/** The beginning of a map with the name "value" in MessagePack, after its first byte. */
const VALUE = [0xa5, 0x76, 0x61, 0x6c, 0x75, 0x65];

/** Whether a value may be an envelope of a format, judging by its beginning. */
function mayBeEnvelope(format: string | null | undefined, head: Reply | undefined): boolean {
  if (typeof head === "string" && format === "JSON") {
    // Other clients may put spaces between.
    return '{"value"'.startsWith(head.replace(/\s/g, "").slice(0, 8));
  }
  // A server that refuses to return the beginning may return the whole.
  return (
    head instanceof ServerError ||
    (isValue(head) && (format !== "MSGPACK" || VALUE.every((byte, at) => head[at + 1] === byte)))
  );
}

function asText(stored: string | Uint8Array): string {
  return typeof stored === "string"
    ? stored
    : Array.from(stored, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
