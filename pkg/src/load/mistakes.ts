/** Distinguishes the caller's mistakes from failures of the store. */

/**
 * Whether an error is a mistake of the caller, such as a value that cannot be stored or an invalid tag. Errors of the platform,
 * such as the `TypeError` of a failed `fetch`, are not.
 */
export function isMistake(error: unknown): boolean {
  const { name, message } = (error ?? {}) as { name?: unknown; message?: unknown };
  return (
    name === "DataCloneError" ||
    ((name === "TypeError" || name === "RangeError") && typeof message === "string" && message.startsWith("isocache: "))
  );
}
