/** How values become what is stored. */

/** Turns values into text and back. What is stored is that text. */
export interface TextSerializer {
  readonly format: "text";
  /** The text; throws for a value that it cannot give back unchanged. */
  serialize(value: unknown): string;
  /** The value; throws for a text that is none of its own. */
  deserialize(text: string): unknown;
}

/**
 * Turns values into bytes and back. What is stored is those bytes. They go to our bridge as they are; another server of the
 * protocol takes bytes only one value a request, and its answers come in base64: there, text is the quicker form.
 */
export interface BinarySerializer {
  readonly format: "bytes";
  /** The bytes; throws for a value that it cannot give back unchanged. */
  serialize(value: unknown): Uint8Array;
  /** The value; throws for bytes that are none of its own. The bytes are its to keep. */
  deserialize(bytes: Uint8Array): unknown;
}

/** Turns values into text or bytes and back. */
export type Serializer = TextSerializer | BinarySerializer;
