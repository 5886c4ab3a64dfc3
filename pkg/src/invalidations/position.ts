/** Positions in the log of changes: an epoch in hexadecimal digits, and a number, as in `6a1f5f0d2b7c9e34-17`. */

/** A position. Numbers of different epochs have no order. */
export interface Position {
  readonly epoch: string;
  readonly sequence: number;
}

/** Parses a position. Returns `undefined` for any other text. */
export function positionOf(text: string | null | undefined): Position | undefined {
  const parts = /^([0-9a-f]+)-(\d+)$/.exec(text ?? "");
  return parts ? { epoch: parts[1] as string, sequence: Number(parts[2]) } : undefined;
}
