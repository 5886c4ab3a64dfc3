// What an import costs in Node: the processor time of it, in a new process each, the shortest of several.

import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";

const PACKAGES = ["isocache", "isocache/memory", "lru-cache"];

const program = (name) => `
  const before = process.cpuUsage();
  await import("${name}");
  const { user, system } = process.cpuUsage(before);
  console.log((user + system) / 1000);
`;

/** Milliseconds by package. They take turns, so that other work on the machine meets all of them. */
export function imports(launches) {
  const cwd = fileURLToPath(new URL(".", import.meta.url));
  const shortest = PACKAGES.map((name) => ({ name, milliseconds: Infinity }));
  for (let launch = 0; launch < launches; launch++) {
    for (const one of shortest) {
      const args = ["--input-type=module", "--eval", program(one.name)];
      one.milliseconds = Math.min(one.milliseconds, Number(execFileSync(process.execPath, args, { cwd })));
    }
  }
  return shortest;
}
