/** Removing keys by a pattern. */

import type { Client } from "./client.js";
import { CacheError } from "./errors.js";
import { type Command, checked, count, list, text, unexpected } from "./reply.js";
import type { AbortSignalLike } from "./types.js";

/** How many keys the server looks at in one step, and so how long it keeps others waiting. */
const KEYS_PER_STEP = "512";
/** More steps than any store has keys for: a server that never comes to an end. */
const MAX_STEPS = 2 ** 24;
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
    return count("ISOCACHE.CLEAR", reply);
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
  for (let step = 0; step < MAX_STEPS; step++) {
    const isLast = step > 0 && cursor === "0";
    const removal = unlink(found);
    if (isLast && removal.length === 0) {
      return removed;
    }
    const scan = isLast ? [] : [["SCAN", cursor, "MATCH", pattern, "COUNT", KEYS_PER_STEP]];
    const replies = await client.ask({ commands: [...removal, ...scan] }, signal);
    for (const reply of replies.slice(0, removal.length)) {
      removed += count("UNLINK", reply);
    }
    if (isLast) {
      return removed;
    }
    const [next, keys] = list("SCAN", checked(replies.at(-1)), 2);
    cursor = text("SCAN", next);
    if (!/^\d{1,20}$/.test(cursor)) {
      throw unexpected("SCAN");
    }
    found = list("SCAN", keys).map((key) => text("SCAN", key));
  }
  throw new CacheError("protocol", `SCAN came to no end; ${removed} keys were removed`);
}

/** Commands that remove keys. */
export function unlink(keys: readonly string[]): Command[] {
  const commands: Command[] = [];
  for (let at = 0; at < keys.length; at += KEYS_PER_COMMAND) {
    commands.push(["UNLINK", ...keys.slice(at, at + KEYS_PER_COMMAND)]);
  }
  return commands;
}
