/** Builds the tiers from their sources with one bug planted, to see that the simulator finds it. */

import { readFile, rm, writeFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));
const sources = resolve(here, "../../../pkg/src");

/** Each bug: the places where it is, each a file, a text in it, and what the text becomes. */
export const BUGS = {
  "keeps a value that was read before its key changed": [
    ["tiered/admission.ts", "ticket.spoiled = true;", "ticket.spoiled ||= false;"],
  ],
  "keeps both of two writes that overlap": [["tiered/admission.ts", "spoiled ||= other.isWrite;", ""]],
  "resumes across epochs": [
    [
      "invalidations/stream.ts",
      "event = { type: name, position, age };",
      'event = { type: "heartbeat", position, age };',
    ],
    ["tiered/link.ts", "position !== undefined && position.epoch === this.#last?.epoch;", "position !== undefined;"],
  ],
  "keeps copies when it starts over": [
    ["invalidations/stream.ts", "const since = this.#since;", "const since = undefined;"],
    ["tiered/link.ts", 'return "all";\n  }\n\n  #confirm', "return NONE;\n  }\n\n  #confirm"],
  ],
  "serves copies before the missed changes arrive": [
    ["tiered/link.ts", 'this.#state = "resuming";\n      return NONE;', "this.#confirm(now);\n      return NONE;"],
  ],
  "does not notice that heartbeats stop": [
    ["tiered/copies.ts", "this.#lastTime <= this.#link.goodUntil &&", "this.#link.goodUntil > 0 &&"],
  ],
  "keeps a copy for longer than its entry": [
    ["tiered/copies.ts", "Math.min(left, this.#settings.nearTtl)", "this.#settings.nearTtl"],
  ],
  // Two rules forbid it.
  "mistakes a late write of its own for a known one": [
    ["invalidations/origin.ts", "this.#id = undefined;", ""],
    ["tiered/copies.ts", "own.includes(key) && this.admission.isAwaited(key)", "own.includes(key)"],
  ],
  "gives a call what was read before it began": [
    ["load/wait.ts", "return read !== undefined && read <= began;", "return read === began && false;"],
    ["load/load.ts", "flight.read !== undefined ||", ""],
  ],
  "ignores that the store was cleared": [["tiered/link.ts", 'event.type === "all" || event.type === "reset"', "false"]],
};

/** The classes of the package, those of the tiers with the bug. */
export async function withBug(changes, isocache) {
  const plugin = {
    name: "bug",
    setup({ onLoad, onResolve }) {
      // The engine has no part in it: the memory is that of the package.
      onResolve({ filter: /\/memory-cache\.js$/ }, () => ({ path: "isocache", external: true }));
      onResolve({ filter: /^\.\.\/pattern\.js$/ }, () => ({ path: "pattern", namespace: "none" }));
      onLoad({ filter: /./, namespace: "none" }, () => ({ contents: "export const matching = () => [];" }));
      onLoad({ filter: /\.ts$/ }, async ({ path }) => {
        let contents = await readFile(path, "utf8");
        for (const [name, found, replaced] of changes) {
          if (path === join(sources, name)) {
            if (!contents.includes(found)) {
              throw new Error(`${name} has no ${JSON.stringify(found)}: plant the bug elsewhere`);
            }
            contents = contents.replace(found, replaced);
          }
        }
        return { contents, loader: "ts" };
      });
    },
  };
  const { outputFiles } = await build({
    stdin: {
      contents: `
        export { Cache } from "./cache.js";
        export { TieredCache } from "./tiered/tiered-cache.js";
        export { HttpCache } from "./http/http-cache.js";`,
      resolveDir: sources,
      loader: "ts",
    },
    ...{ bundle: true, write: false, format: "esm", platform: "neutral", logLevel: "error", plugins: [plugin] },
  });
  const bundle = join(here, `.planted-${process.pid}-${Math.trunc(performance.now() * 1000)}.mjs`);
  await writeFile(bundle, outputFiles[0].contents);
  try {
    return { ...isocache, ...(await import(bundle)) };
  } finally {
    await rm(bundle);
  }
}
