/** What keeps WebAssembly from running, for the bundles that have it. */

/** The error for a failure to start WebAssembly. */
export function failureOf(cause: unknown): Error {
  return new Error(
    `isocache: WebAssembly does not run here: ${reason(cause)}. Import isocache instead of isocache/wasm`,
    { cause },
  );
}

/** Why WebAssembly failed to start, with the remedies other than the other form. */
function reason(error: unknown): string {
  if (typeof WebAssembly !== "object") {
    return "this environment has none (node --jitless, iOS in Lockdown Mode, a browser with it switched off)";
  }
  const text = error instanceof Error ? error.message : String(error);
  if (/Content.Security|CSP|unsafe-eval/i.test(text)) {
    return "the Content-Security-Policy of this page forbids it unless its script-src has 'wasm-unsafe-eval'";
  }
  if (/embedder/.test(text)) {
    return "this runtime compiles it only while a program starts, or not at all";
  }
  return error instanceof RangeError
    ? "this browser does not compile it on the main thread (Chrome before version 115), only in workers"
    : text;
}
