/** Removing keys by a pattern. */

import type { Client } from "./client.js";
import { CacheError } from "./errors.js";
import { type Command, count as countOf } from "./reply.js";
import { endless, MAX_STEPS, step, stepped } from "./scan.js";
import type { AbortSignalLike } from "./types.js";

const KEYS_PER_COMMAND = 500;

/** Removes the keys that match a pattern with wildcards; how many there were. */
export async function clear(client: Client, pattern: string, signal: AbortSignalLike | undefined): Promise<number> {
  if (client.isBridge !== false) {
    const removed = await atOnce(client, pattern, signal);
    if (removed !== undefined) {
      return removed;
    }
  }
  return bySteps(client, pattern, signal);
}

/** By the command of our bridge; `undefined` if the server turns out not to have it. */
async function atOnce(
  client: Client,
  pattern: string,
  signal: AbortSignalLike | undefined,
): Promise<number | undefined> {
  try {
    const [reply] = await client.ask({ commands: [["ISOCACHE.CLEAR", pattern]], alone: true }, signal);
    return countOf("ISOCACHE.CLEAR", reply);
  } catch (error) {
    const isForeign = client.isBridge !== true && error instanceof CacheError;
    if (isForeign && (error.code === "protocol" || error.code === "refused")) {
      return undefined;
    }
    throw error;
  }
}

/** By walking all keys. Those of one step go with the request for the next. */
async function bySteps(client: Client, pattern: string, signal: AbortSignalLike | undefined): Promise<number> {
  let removed = 0;
  let cursor = "0";
  let found: string[] = [];
  for (let count = 0; count < MAX_STEPS; count++) {
    const isLast = count > 0 && cursor === "0";
    const removal = unlink(found);
    if (isLast && removal.length === 0) {
      return removed;
    }
    const scan = isLast ? [] : [step(cursor, pattern)];
    const replies = await client.ask({ commands: [...removal, ...scan] }, signal);
    for (const reply of replies.slice(0, removal.length)) {
      removed += countOf("UNLINK", reply);
    }
    if (isLast) {
      return removed;
    }
    ({ cursor, keys: found } = stepped(replies.at(-1)));
  }
  throw endless(`${removed} keys were removed`);
}

/** Commands that remove keys. */
export function unlink(keys: readonly string[]): Command[] {
  const commands: Command[] = [];
  for (let at = 0; at < keys.length; at += KEYS_PER_COMMAND) {
    commands.push(["UNLINK", ...keys.slice(at, at + KEYS_PER_COMMAND)]);
  }
  return commands;
}
