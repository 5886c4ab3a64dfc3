/** Telling the caller's mistakes from failures of the store. */

/**
 * Whether an error says that the caller has given something that cannot be: a value that cannot be stored, an invalid tag.
 * Errors of the platform, such as the `TypeError` of a `fetch` that failed, are none.
 */
export function isMistake(error: unknown): boolean {
  const { name, message } = (error ?? {}) as { name?: unknown; message?: unknown };
  return (
    name === "DataCloneError" ||
    ((name === "TypeError" || name === "RangeError") && typeof message === "string" && message.startsWith("isocache: "))
  );
}
