/** A counter within bounds, in one step of the server. */

import type { BoundedIncrement } from "../counters.js";
import type { Client } from "./client.js";
import { CacheError } from "./errors.js";
import { type Command, count as countOf, list, text } from "./reply.js";

/** As in the Rust crate's `src/remote/scripts.rs`. */
const SCRIPT = `\
local found = redis.pcall('GET', KEYS[1])
if type(found) == 'table' and found.err then return found end
local count = 0
if found then
  count = string.match(found, '^-?%d+$') and tonumber(found)
  if not count or count > 9007199254740991 or count < -9007199254740991 then
    return redis.error_reply('ERR value is not an integer or out of range')
  end
end
local by, floor, ceiling = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
if count < floor then count = floor end
local sum = count + by
if sum > ceiling then return {0, string.format('%.0f', count)} end
local digits = string.format('%.0f', sum)
local stored
if ARGV[4] == '0' then stored = redis.pcall('SET', KEYS[1], digits)
else stored = redis.pcall('SET', KEYS[1], digits, 'PX', ARGV[4]) end
if type(stored) == 'table' and stored.err then return stored end
return {1, digits}`;

/** @param numbers - the increment, the lower and the upper bound, and the ttl in milliseconds, 0 for none. */
export async function incrementWithin(
  client: Client,
  whole: string,
  numbers: readonly string[],
  key: string,
): Promise<BoundedIncrement> {
  const send = async (command: Command) => {
    const [reply] = await client.ask({ commands: [command], once: true });
    const [stored, count] = list(command[0] as string, reply, 2);
    return {
      stored: countOf(command[0] as string, stored, key) === 1,
      count: Number(text(command[0] as string, count)),
    };
  };
  if (client.isBridge !== false) {
    try {
      return await send(["ISOCACHE.INCRBY", whole, ...numbers]);
    } catch (error) {
      // Only the bridge has the command. A server without it has changed nothing.
      const isForeign = client.isBridge !== true && error instanceof CacheError;
      if (!isForeign || (error.code !== "protocol" && error.code !== "refused")) {
        throw error;
      }
    }
  }
  return send(["EVAL", SCRIPT, "1", whole, ...numbers]);
}
