/** The number of entries in a store. */

import type { Client } from "./client.js";
import { count, text } from "./reply.js";
import type { AbortSignalLike } from "./types.js";

/**
 * The number of keys, if it is exact: if no key has a ttl, because Redis counts expired keys until it has swept them.
 * `undefined` if it is not exact, or the server does not report it.
 */
export async function exactEntries(client: Client, signal: AbortSignalLike | undefined): Promise<number | undefined> {
  try {
    const [size, info] = await client.ask({ commands: [["DBSIZE"], ["INFO", "keyspace"]] }, signal);
    const keyspace = text("INFO", info);
    const expiring = [...keyspace.matchAll(/\bexpires=(\d+)/g)].some(([, number]) => number !== "0");
    return !expiring && keyspace.includes("eyspace") ? count("DBSIZE", size) : undefined;
  } catch (error) {
    if (signal?.aborted) {
      throw error;
    }
    return undefined;
  }
}
