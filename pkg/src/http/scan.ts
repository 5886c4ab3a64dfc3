/** Walking the keys of a store. */

import type { Client } from "./client.js";
import { endlessScan, wrongReply } from "./errors.js";
import { type Command, checked, list, type Reply, text } from "./reply.js";
import type { AbortSignalLike } from "./types.js";

/** The number of keys that the server visits in one step, and so how long it keeps others waiting. */
const KEYS_PER_STEP = "512";
/** More steps than the keys of any store need: the SCAN of the server does not end. */
const MAX_STEPS = 2 ** 24;

/** The command for one step. */
function step(cursor: string, pattern: string): Command {
  return ["SCAN", cursor, "MATCH", pattern, "COUNT", KEYS_PER_STEP];
}

/** The keys of a step, and the cursor of the next one; "0" after the last. */
function stepped(reply: Reply | undefined): { cursor: string; keys: string[] } {
  const [next, keys] = list("SCAN", checked(reply), 2);
  const cursor = text("SCAN", next);
  if (!/^\d{1,20}$/.test(cursor)) {
    throw wrongReply("SCAN", "a cursor and keys");
  }
  return { cursor, keys: list("SCAN", keys).map((key) => text("SCAN", key)) };
}

/** The keys that match a pattern, step by step. A key may come more than once. */
export async function* scan(
  client: Client,
  pattern: string,
  signal: AbortSignalLike | undefined,
): AsyncGenerator<string[], void, undefined> {
  let cursor = "0";
  for (let count = 0; count < MAX_STEPS; count++) {
    const [reply] = await client.ask({ commands: [step(cursor, pattern)] }, signal);
    const { cursor: next, keys } = stepped(reply);
    yield keys;
    if (next === "0") {
      return;
    }
    cursor = next;
  }
  throw endlessScan(MAX_STEPS);
}
