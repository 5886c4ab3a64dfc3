/**
 * The stored form of an entry with more than a value: `{"value":…,"fresh_until":…,"tags":{…}}`. `docs/envelope.md`
 * describes it byte for byte. The Rust crate uses the same format.
 */

import { jsonSerializer } from "./json.js";
import type { Serializer } from "./serializer.js";

/** An entry in stored form. */
export interface Stored {
  readonly value: unknown;
  /** The time at which it stops being fresh, in milliseconds since the Unix epoch, if it is kept longer. */
  readonly freshUntil?: number | undefined;
  /** The generations of its tags, if it was stored with tags. */
  readonly tags?: Readonly<Record<string, number>> | undefined;
}

/**
 * Reads a decoded value as an envelope, or as the value itself if it was stored without one, perhaps by another
 * program.
 */
export function opened(value: unknown): Stored {
  if (!isEnvelope(value)) {
    return { value };
  }
  const { value: inner, fresh_until: freshUntil, tags } = value;
  return { value: inner, freshUntil, tags };
}

/** The stored form of an entry. @throws TypeError for a value that the serializer cannot store. */
export function sealed(stored: Stored, serializer: Serializer): string | Uint8Array {
  const { value, freshUntil } = stored;
  // A value that would be read as an envelope is put into one.
  const tags = stored.tags ?? (freshUntil === undefined && isEnvelope(value) ? {} : undefined);
  if (freshUntil === undefined && tags === undefined) {
    return serializer.serialize(value);
  }
  if (serializer.format === "text" && serializer.serialize === jsonSerializer.serialize) {
    // Built by hand, so that an error names a place in the value itself.
    const fresh = freshUntil === undefined ? "" : `,"fresh_until":${freshUntil}`;
    return `{"value":${serializer.serialize(value)}${fresh}${tags ? `,"tags":${JSON.stringify(tags)}` : ""}}`;
  }
  try {
    return serializer.serialize({
      value,
      ...(freshUntil !== undefined && { fresh_until: freshUntil }),
      ...(tags && { tags }),
    });
  } catch (error) {
    throw new TypeError(
      "isocache: the serializer cannot store an entry that has tags or is kept when stale; use the default (JSON) or messagePackSerializer, or leave tags, staleWhileRevalidate and staleIfError out",
      { cause: error },
    );
  }
}

/** An envelope as a JavaScript value. */
interface Envelope {
  readonly value: unknown;
  readonly fresh_until?: number;
  readonly tags?: Readonly<Record<string, number>>;
}

/** Whether a value has exactly the members of an envelope, in their order, with their types. */
export function isEnvelope(value: unknown): value is Envelope {
  if (typeof value !== "object" || value === null || Array.isArray(value) || value instanceof Map) {
    return false;
  }
  const names = Object.keys(value);
  if (names[0] !== "value") {
    return false;
  }
  const { fresh_until: freshUntil, tags } = value as Record<string, unknown>;
  const order = [
    "value",
    ...(freshUntil === undefined ? [] : ["fresh_until"]),
    ...(tags === undefined ? [] : ["tags"]),
  ];
  return (
    names.length > 1 &&
    names.length === order.length &&
    names.every((name, at) => name === order[at]) &&
    (freshUntil === undefined || (Number.isSafeInteger(freshUntil) && (freshUntil as number) >= 0)) &&
    (tags === undefined ||
      (typeof tags === "object" &&
        tags !== null &&
        !Array.isArray(tags) &&
        Object.values(tags).every(Number.isSafeInteger)))
  );
}
