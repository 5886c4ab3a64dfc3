/**
 * Puts the tables of `make bench`, in bench-results/, into docs/performance.md, between the marks that name them. A table that
 * was not measured stays as it is.
 */

import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const page = `${root}docs/performance.md`;
let text = readFileSync(page, "utf8");
for (const name of ["javascript", "rust"]) {
  const file = `${root}bench-results/${name}.md`;
  const [begin, end] = [`<!-- begin: ${name} -->\n`, `<!-- end: ${name} -->`];
  const [before, rest] = text.split(begin);
  const after = rest?.split(end)[1];
  if (after === undefined) {
    throw new Error(`docs/performance.md has no marks for ${name}`);
  }
  if (existsSync(file)) {
    // One level below the headings of the page.
    const table = readFileSync(file, "utf8").replaceAll(/^#/gm, "##");
    text = `${before}${begin}\n${table}\n${end}${after}`;
  }
}
writeFileSync(page, text);
