/** Finds values that a serializer would lose or change. */

/** The maximum nesting depth of values. */
const MAX_DEPTH = 500;
/** The maximum length of a path in an error. */
const MAX_SHOWN = 200;

/** The values that a format keeps unchanged beyond those of JSON. */
interface LosslessFormat {
  /** The name of the format, for errors. */
  readonly name: string;
  /** Whether it keeps a value that is not a plain object, an array or a value of JSON. */
  carries(value: unknown): boolean;
  /** Whether it keeps a text. Default: any. */
  carriesText?(text: string): boolean;
  /** Whether it keeps a member of this name. Default: any. */
  carriesName?(name: string): boolean;
  /** The parts of a value that must also be kept, with the path to each. */
  parts?(value: object): Iterable<[path: string, part: unknown]>;
}

/** Throws a TypeError that names the path to the first part of `value` that the format would change. */
export function checkLossless(value: unknown, format: LosslessFormat): void {
  check(value, "$", format, []);
}

/** A path as text, or as a member of another path. The text is built only for an error. */
type Path = string | { readonly of: Path; readonly member: string | number };

function check(value: unknown, path: Path, format: LosslessFormat, above: object[]): void {
  switch (typeof value) {
    case "string":
      if (format.carriesText?.(value) === false) {
        throw refused(path, format, "half of a surrogate pair");
      }
      return;
    case "boolean":
      return;
    case "number":
      if (Number.isFinite(value) || format.carries(value)) {
        return;
      }
      throw refused(path, format, `${value}`);
    case "object":
      if (value !== null) {
        checkObject(value, path, format, above);
      }
      return;
    default:
      if (!format.carries(value)) {
        throw refused(path, format, value === undefined ? "undefined" : `a ${typeof value}`);
      }
  }
}

function checkObject(value: object, path: Path, format: LosslessFormat, above: object[]): void {
  if (above.includes(value)) {
    throw refused(path, format, "a cycle");
  }
  if (above.length === MAX_DEPTH) {
    throw refused(path, format, `more than ${MAX_DEPTH} levels`);
  }
  above.push(value);
  if (Array.isArray(value)) {
    // By index, because `forEach` and similar methods skip holes.
    for (let at = 0; at < value.length; at++) {
      check(value[at], { of: path, member: at }, format, above);
    }
  } else if (isPlain(value)) {
    const members = value as Record<string, unknown>;
    for (const name of Object.keys(members)) {
      if (format.carriesName?.(name) === false) {
        throw refused({ of: path, member: name }, format, "a member of a name");
      }
      check(members[name], { of: path, member: name }, format, above);
    }
    if (Object.getOwnPropertySymbols(value).length > 0) {
      throw refused(path, format, "an object with a symbol for a name");
    }
  } else if (format.carries(value)) {
    for (const [member, part] of format.parts?.(value) ?? []) {
      check(part, `${shown(path)}${member}`, format, above);
    }
  } else {
    throw refused(path, format, kind(value));
  }
  above.pop();
}

/** Whether it is an object of no class, from any realm. */
function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null || Object.getPrototypeOf(prototype) === null;
}

function kind(value: object): string {
  const name = value.constructor?.name;
  return typeof name === "string" && name !== "" ? `a ${name}` : "an object of a class";
}

function shown(path: Path): string {
  if (typeof path === "string") {
    return path;
  }
  const { of, member } = path;
  if (typeof member === "number") {
    return `${shown(of)}[${member}]`;
  }
  return /^[\p{ID_Start}$_][\p{ID_Continue}$]*$/u.test(member)
    ? `${shown(of)}.${member}`
    : `${shown(of)}[${JSON.stringify(member.slice(0, 40))}]`;
}

function refused(path: Path, format: LosslessFormat, what: string): TypeError {
  const whole = shown(path);
  const place = whole.length > MAX_SHOWN ? `${whole.slice(0, MAX_SHOWN)}...` : whole;
  return new TypeError(`isocache: ${place} is ${what}, which ${format.name} cannot store unchanged`);
}
