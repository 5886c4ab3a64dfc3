/** Which operations travel together. */

import type { Unit } from "./turn.js";

/** The units in their order, in as many parts as the limits call for. One that is beyond a limit by itself is a part. */
export function* parts(
  units: readonly Unit[],
  { maxCommands, maxBytes }: { readonly maxCommands: number; readonly maxBytes: number },
): Generator<Unit[]> {
  let [part, commands, bytes]: [Unit[], number, number] = [[], 0, 0];
  for (const unit of units) {
    const { work, size } = unit;
    const isFull = commands + work.commands.length > maxCommands || bytes + size > maxBytes;
    if (part.length > 0 && (isFull || work.alone || part[0]?.work.alone)) {
      yield part;
      [part, commands, bytes] = [[], 0, 0];
    }
    part.push(unit);
    commands += work.commands.length;
    bytes += size;
  }
  if (part.length > 0) {
    yield part;
  }
}

/** The units in their order, those next to each other that may go together in one run. */
export function* runs(units: readonly Unit[], joins: (unit: Unit) => boolean): Generator<Unit[]> {
  let run: Unit[] = [];
  for (const unit of units) {
    if (run.length > 0 && !(joins(unit) && run[0] && joins(run[0]))) {
      yield run;
      run = [];
    }
    run.push(unit);
  }
  if (run.length > 0) {
    yield run;
  }
}

/** Whether a command of the unit has bytes among its arguments. */
export function hasBytes({ work }: Unit): boolean {
  return work.commands.some((command) => command.some((argument) => typeof argument !== "string"));
}
