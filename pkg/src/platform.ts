/** Features that only some environments have. */

interface Platform {
  readonly process?: { getBuiltinModule?(name: string): unknown };
  readonly navigator?: { readonly userAgent?: string };
  readonly EdgeRuntime?: unknown;
}

/** Whether this is an edge worker, which ends the streams and timers of a request with the request. */
export function isEdgeWorker(): boolean {
  const { navigator, EdgeRuntime } = globalThis as Platform;
  return navigator?.userAgent === "Cloudflare-Workers" || EdgeRuntime !== undefined;
}

/** A module of Node, by its name; `undefined` outside Node. */
export function builtinModule<M>(name: string): M | undefined {
  try {
    return (globalThis as Platform).process?.getBuiltinModule?.(name) as M | undefined;
  } catch {
    // Next's edge runtime has the function, but it throws.
    return undefined;
  }
}
