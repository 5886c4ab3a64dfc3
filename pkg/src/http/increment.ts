/** Adding to a number, in one step. */

import { quote } from "../check.js";
import { checked, count } from "./reply.js";
import type { Store } from "./store.js";
import type { RequestOptions } from "./types.js";

/** Adds to the number under `key` and returns the sum. A new number gets the ttl, in milliseconds. */
export async function increment(
  store: Store,
  key: string,
  whole: string,
  by: number,
  ttl: number,
  request: RequestOptions | undefined,
): Promise<number> {
  const add = ["INCRBY", whole, `${by}`];
  const commands = ttl === Infinity ? [add] : [["SET", whole, "0", "PX", `${ttl}`, "NX"], add];
  const replies = await store.ask(commands, request, { atomic: commands.length > 1, once: true });
  const [first, last] = commands.length > 1 ? replies : [null, replies[0]];
  checked(first, key);
  const sum = count("INCRBY", last, key);
  if (!Number.isSafeInteger(sum)) {
    throw new RangeError(`isocache: the counter under key ${quote(key)} is beyond 2^53, what a number holds exactly`);
  }
  return sum;
}
