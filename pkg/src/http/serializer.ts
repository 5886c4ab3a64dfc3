/** Serializers. */

/** The formats of envelopes that the bridge supports, by their names in its commands. */
type EnvelopeFormat = "JSON" | "MSGPACK";

/** Converts values to text for storage, and back. */
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
 * Converts values to bytes for storage, and back. The bridge takes them unchanged. Another server of the protocol takes
 * one binary value per request, and replies in base64, so text is faster there.
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

/** Converts values to text or bytes, and back. */
export type Serializer = TextSerializer | BinarySerializer;
