/** The declarations that are published: those that the entries reach, for `import` and for `require`. */

import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, sep } from "node:path";

/** Where a declaration names another file: `from "./x.js"`, `import("./x.js")`, `import "./x.js"`. */
const REFERENCE = /(\bfrom |\bimport\(|\bimport )"(\.{1,2}\/[\w/.-]+)\.js"/g;

/** `dist` holds what tsc emitted, with the entries in a folder of their own. */
export function publishTypes(dist, names) {
  const kept = new Set();
  const keep = (path) => {
    if (kept.has(path)) {
      return;
    }
    kept.add(path);
    for (const [, , target] of readFileSync(join(dist, path), "utf8").matchAll(REFERENCE)) {
      const reached = join(dirname(path), `${target}.d.ts`);
      if (!existsSync(join(dist, reached))) {
        throw new Error(`dist/${path} names ${target}.js, which has no declaration`);
      }
      keep(reached);
    }
  };
  for (const name of names) {
    // An entry starts the wasm by an import without types.
    const entry = readFileSync(join(dist, "entries", `${name}.d.ts`), "utf8").replaceAll(/^import "[^"]+";\n/gm, "");
    writeFileSync(join(dist, `${name}.d.ts`), entry.replaceAll('"../', '"./'));
    keep(`${name}.d.ts`);
  }
  rmSync(join(dist, "entries"), { recursive: true });
  for (const path of readdirSync(dist, { recursive: true }).filter((path) => path.endsWith(".d.ts"))) {
    if (kept.has(path.split(sep).join("/"))) {
      const types = readFileSync(join(dist, path), "utf8");
      // The same types for `require`, which must be told that they describe CommonJS.
      writeFileSync(join(dist, path.replace(/\.d\.ts$/, ".d.cts")), types.replaceAll(REFERENCE, '$1"$2.cjs"'));
    } else {
      rmSync(join(dist, path));
    }
  }
}
