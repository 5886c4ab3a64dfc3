/** Decides which operations are sent together. */

import type { Operation } from "./batch.js";

/**
 * Splits the operations, in order, into as many parts as the limits require. One that exceeds a limit by itself is a
 * part.
 */
export function* parts(
  operations: readonly Operation[],
  { maxCommands, maxBytes }: { readonly maxCommands: number; readonly maxBytes: number },
): Generator<Operation[]> {
  let [part, commands, bytes]: [Operation[], number, number] = [[], 0, 0];
  for (const operation of operations) {
    const { work, size } = operation;
    const isFull = commands + work.commands.length > maxCommands || bytes + size > maxBytes;
    if (part.length > 0 && (isFull || work.alone || part[0]?.work.alone)) {
      yield part;
      [part, commands, bytes] = [[], 0, 0];
    }
    part.push(operation);
    commands += work.commands.length;
    bytes += size;
  }
  if (part.length > 0) {
    yield part;
  }
}

/** Splits the operations, in order, into runs of adjacent ones that may be sent together. */
export function* runs(
  operations: readonly Operation[],
  joins: (operation: Operation) => boolean,
): Generator<Operation[]> {
  let run: Operation[] = [];
  for (const operation of operations) {
    if (run.length > 0 && !(joins(operation) && run[0] && joins(run[0]))) {
      yield run;
      run = [];
    }
    run.push(operation);
  }
  if (run.length > 0) {
    yield run;
  }
}

/** Whether a command of the operation has bytes among its arguments. */
export function hasBytes({ work }: Operation): boolean {
  return work.commands.some((command) => command.some((argument) => typeof argument !== "string"));
}
