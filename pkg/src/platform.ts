/** Features that only some environments have. */

interface Platform {
  readonly process?: {
    getBuiltinModule?(name: string): unknown;
    readonly release?: { readonly name?: string };
    readonly versions?: { readonly node?: string };
  };
  readonly navigator?: { readonly userAgent?: string };
  readonly EdgeRuntime?: unknown;
}

/** Whether this is an edge worker, which ends the streams and timers of a request with the request. */
export function isEdgeWorker(): boolean {
  const { navigator, EdgeRuntime } = globalThis as Platform;
  return navigator?.userAgent === "Cloudflare-Workers" || EdgeRuntime !== undefined;
}

/** Whether this is Node, and not a runtime or a test environment that looks like it. */
export function isNode(): boolean {
  const { process, navigator } = globalThis as Platform;
  return (
    process?.release?.name === "node" && (navigator?.userAgent === undefined || /^Node\.js\//.test(navigator.userAgent))
  );
}

/** Whether a look at `fetch` or `Request` ends the process: before Node 24 they need WebAssembly, which `--jitless` removes. */
export function isFetchFatal(): boolean {
  return (
    typeof WebAssembly !== "object" && Number.parseFloat(`${(globalThis as Platform).process?.versions?.node}`) < 24
  );
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
