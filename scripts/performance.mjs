/**
 * Puts the tables of `make bench`, in bench-results/, into the documentation, between the marks that name them. A table that was
 * not measured stays as it is.
 */

import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** The tables of each page. */
const PAGES = {
  "performance.md": ["javascript", "rust"],
  "coherence.md": ["stale-reads", "commands"],
};

const root = fileURLToPath(new URL("..", import.meta.url));
for (const [page, names] of Object.entries(PAGES)) {
  const path = `${root}docs/${page}`;
  let text = readFileSync(path, "utf8");
  for (const name of names) {
    const file = `${root}bench-results/${name}.md`;
    const [begin, end] = [`<!-- begin: ${name} -->\n`, `<!-- end: ${name} -->`];
    const [before, rest] = text.split(begin);
    const after = rest?.split(end)[1];
    if (after === undefined) {
      throw new Error(`docs/${page} has no marks for ${name}`);
    }
    if (existsSync(file)) {
      // One level below the headings of the page.
      const table = readFileSync(file, "utf8").replaceAll(/^#/gm, "##");
      text = `${before}${begin}\n${table}\n${end}${after}`;
    }
  }
  writeFileSync(path, text);
}
