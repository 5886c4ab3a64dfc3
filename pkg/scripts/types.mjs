/** The declarations that are published: those that the entries reach. */

import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, sep } from "node:path";

/** Where a declaration names another file: `from "./x.js"`, `import("./x.js")`, `import "./x.js"`. */
const REFERENCE = /(\bfrom |\bimport\(|\bimport )"(\.{1,2}\/[\w/.-]+)\.js"/g;

/**
 * `dist` holds what tsc emitted, with the entries in a folder of their own. Everything is declared once, as CommonJS, which ES
 * modules may import; the other way round is forbidden.
 */
export function publishTypes(dist, entries) {
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
  for (const [name, { source }] of Object.entries(entries)) {
    const entry = readFileSync(join(dist, "entries", `${source}.d.ts`), "utf8");
    writeFileSync(join(dist, `${name}.d.ts`), entry.replaceAll('"../', '"./'));
    keep(`${name}.d.ts`);
  }
  rmSync(join(dist, "entries"), { recursive: true });
  for (const path of readdirSync(dist, { recursive: true }).filter((path) => path.endsWith(".d.ts"))) {
    const file = join(dist, path);
    if (kept.has(path.split(sep).join("/"))) {
      const types = readFileSync(file, "utf8").replaceAll(REFERENCE, '$1"$2.cjs"');
      writeFileSync(file.replace(/\.d\.ts$/, ".d.cts"), types);
    }
    rmSync(file);
  }
  for (const name of Object.keys(entries)) {
    writeFileSync(join(dist, `${name}.d.ts`), `export * from "./${name}.cjs";\n`);
  }
}
