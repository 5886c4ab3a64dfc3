/** Serializers. */

/** The formats in which envelopes are known to the bridge, by their names in its commands. */
type EnvelopeFormat = "JSON" | "MSGPACK";

/** Turns values into text, which is stored, and back. */
export interface TextSerializer {
  readonly format: "text";
  /** Returns the text; throws for a value that would not come back unchanged. */
  serialize(value: unknown): string;
  /** Returns the value; throws for a text that it cannot decode. */
  deserialize(text: string): unknown;
  /** @internal The format of its envelopes; `null` if it writes none. */
  readonly envelope?: EnvelopeFormat | null;
}

/**
 * Turns values into bytes, which are stored, and back. The bridge takes them as they are. Another server of the protocol takes
 * one value of bytes per request, and answers in base64, so that text is faster there.
 */
export interface BinarySerializer {
  readonly format: "bytes";
  /** Returns the bytes; throws for a value that would not come back unchanged. */
  serialize(value: unknown): Uint8Array;
  /** Returns the value, which may keep the bytes; throws for bytes that it cannot decode. */
  deserialize(bytes: Uint8Array): unknown;
  /** @internal The format of its envelopes. */
  readonly envelope?: EnvelopeFormat | null;
}

/** Turns values into text or bytes and back. */
export type Serializer = TextSerializer | BinarySerializer;
