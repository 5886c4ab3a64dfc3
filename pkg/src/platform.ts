/** What only some environments have. */

interface Platform {
  readonly process?: { getBuiltinModule?(name: string): unknown };
}

/** A module of Node, by its name; `undefined` where there is none. */
export function builtinModule<M>(name: string): M | undefined {
  try {
    return (globalThis as Platform).process?.getBuiltinModule?.(name) as M | undefined;
  } catch {
    // Next's edge runtime has the function, and throws when it is called.
    return undefined;
  }
}
