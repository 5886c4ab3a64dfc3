/** What a loader that takes too long ends with. */
export class LoadTimeoutError extends Error {
  override readonly name = "LoadTimeoutError";
}
