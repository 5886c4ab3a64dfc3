/**
 * State shared by several copies of the package in one program: a program may load it as ESM and as CommonJS, or again
 * after a hot reload. Classes are recognized by a brand, not by `instanceof`, which knows the class of only one copy.
 */

/** Raised when a copy can no longer work with objects of an older one. Copies of different formats share nothing. */
const FORMAT = "format 1";

let known: Map<string, unknown> | undefined;

function registry(): Map<string, unknown> {
  if (known === undefined) {
    const place = globalThis as { [key: symbol]: Map<string, unknown> | undefined };
    const at = Symbol.for(`isocache.shared.${FORMAT}`);
    place[at] ??= new Map();
    known = place[at];
  }
  return known;
}

/** The value of this name that all copies share, created on first use. */
export function shared<T extends object>(name: string, make: () => T): T {
  const all = registry();
  let found = all.get(name) as T | undefined;
  if (found === undefined) {
    found = make();
    all.set(name, found);
  }
  return found;
}

/** Replaces the value of this name for all copies. */
export function share(name: string, value: object): void {
  registry().set(name, value);
}

const brandOf = (name: string): symbol => Symbol.for(`isocache.${name}`);

/**
 * Gives the prototype of a class a property that no loop shows. Constructors call it, because a call beside the class
 * would keep the class in every bundle.
 */
export function mark(of: { readonly prototype: object }, name: string | symbol, value: unknown): void {
  if (!Object.hasOwn(of.prototype, name)) {
    Object.defineProperty(of.prototype, name, { value, configurable: true, writable: true });
  }
}

/** Marks the instances of a class. */
export function brand(of: { readonly prototype: object }, name: string): void {
  mark(of, brandOf(name), FORMAT);
}

/**
 * Whether a value is an instance of the class with this name, from any copy of the package.
 *
 * @throws Error if the copy is of a version that this one cannot work with.
 */
export function isBranded<T extends object>(value: unknown, name: string): value is T {
  if (typeof value !== "object" || value === null) {
    return false;
  }
  const format: unknown = Reflect.get(value, brandOf(name));
  if (format !== undefined && format !== FORMAT) {
    throw otherVersion(`this ${name} was made by`);
  }
  return format === FORMAT;
}

/**
 * Registers a provider as used by this copy. Caches of incompatible versions over one provider would not know of each
 * other's loads, and would lose writes.
 *
 * @throws Error if a copy of an incompatible version uses it.
 */
export function claim(provider: object): void {
  isBranded(provider, "MemoryCache");
  const place = globalThis as { [key: symbol]: WeakMap<object, string> | undefined };
  const at = Symbol.for("isocache.providers");
  place[at] ??= new WeakMap();
  const format = place[at].get(provider);
  if (format !== undefined && format !== FORMAT) {
    throw otherVersion("this provider is used by");
  }
  place[at].set(provider, FORMAT);
}

function otherVersion(what: string): Error {
  return new Error(
    `isocache: ${what} an incompatible version of isocache, which is loaded beside this one; let the program have one version (npm ls isocache lists them)`,
  );
}

/** As `isBranded`, but false for an instance of a subclass. */
export function isExactly(value: object, name: string): boolean {
  return Object.hasOwn(Object.getPrototypeOf(value) ?? value, brandOf(name));
}
