/** The error of a load that takes too long. */
export class LoadTimeoutError extends Error {
  override readonly name = "LoadTimeoutError";
}
