/** How many entries a store has. */

import type { Client } from "./client.js";
import { count, text } from "./reply.js";
import type { AbortSignalLike } from "./types.js";

/**
 * The number of live keys, where it is exact: where no key has a life, since Redis counts the dead until it has swept them.
 * `undefined` where that is not so, or the server does not tell.
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
