/** Renewing the ttl of entries. */

import { systemNow } from "../clock.js";
import type { Stored } from "./envelope.js";
import { checked, count, type Reply } from "./reply.js";
import { isFresh, isValue, type Store } from "./store.js";
import type { RequestOptions } from "./types.js";

const MOST = Number.MAX_SAFE_INTEGER;

/**
 * Gives a fresh entry a new ttl in milliseconds, and returns it. That takes one request. An entry with a window takes a
 * second one: its freshness is stored with its value, which is replaced unless another client has changed it in the
 * meantime. If it is stale, the second one restores its old ttl.
 */
export async function touch(
  store: Store,
  key: string,
  whole: string,
  ttl: number,
  options?: RequestOptions,
  mustDecode = true,
): Promise<Stored | undefined> {
  const end = ttl === Infinity ? ["PERSIST"] : ["PX", `${ttl}`];
  const [pttl, reply] = await store.ask(
    [
      ["PTTL", whole],
      ["GETEX", whole, ...end],
    ],
    options,
  );
  const old = checked(reply, key);
  const stored = mustDecode ? store.opened(key, reply) : store.openedIfPossible(reply);
  if (stored?.freshUntil === undefined || !isValue(old)) {
    return stored;
  }
  const { freshUntil } = stored;
  const left = count("PTTL", pttl, key);
  const oldTtl = left < 0 ? Infinity : left;
  if (!isFresh(stored)) {
    await store.compareAndSet(whole, old, old, oldTtl, options);
    return undefined;
  }
  const now = systemNow();
  // As in memory, the window stays as long as it was, and an entry that does not expire has none.
  const window = oldTtl === Infinity ? 0 : Math.max(now + oldTtl - freshUntil, 0);
  const renewed = withFreshness(store, key, old, stored, ttl === Infinity ? undefined : Math.min(now + ttl, MOST));
  await store.compareAndSet(whole, old, renewed, ttl === Infinity ? ttl : Math.min(ttl + window, MOST), options);
  return stored;
}

/** The part after the value in a JSON envelope, as both languages write it, without spaces. */
const AFTER_VALUE = /,"fresh_until":\d+(,"tags":\{(?:"(?:[^"\\]|\\.)*":-?\d+,?)*\})?\}$/;

/** A stored value with another freshness; with `undefined`, it is fresh until it expires. */
function withFreshness(
  store: Store,
  key: string,
  old: Exclude<Reply, null>,
  stored: Stored,
  freshUntil: number | undefined,
): string | Uint8Array {
  if (typeof old === "string" && store.client.settings.serializer.envelope === "JSON" && freshUntil !== undefined) {
    const [after, tags = ""] = AFTER_VALUE.exec(old) ?? [];
    if (after !== undefined) {
      // The value stays unchanged: another client may have written a number that JavaScript would round.
      return `${old.slice(0, -after.length)},"fresh_until":${freshUntil}${tags}}`;
    }
  }
  return store.sealed(key, { ...stored, freshUntil });
}
