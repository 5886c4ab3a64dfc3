/**
 * Runs the program in every environment: \`node tests/packaging/environments/run.mjs [--write] [WORD…]\`. With words, only the
 * environments whose name contains one of them. With --write, the table goes to docs/environments.md.
 */

import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { root } from "../support.mjs";
import { CELLS, REASONS } from "./cells.mjs";
import { Lab } from "./lab.mjs";

const words = process.argv.slice(2);
const isWriting = words.includes("--write");
const chosen = words.filter((word) => !word.startsWith("--"));

const lab = await Lab.open();
const rows = [];
try {
  for (const cell of CELLS) {
    if (chosen.length > 0 && !chosen.some((word) => cell.name.toLowerCase().includes(word.toLowerCase()))) {
      continue;
    }
    const started = performance.now();
    let row;
    try {
      const { text, version } = await cell.run(lab);
      const engine = lab.check(text);
      if (engine !== cell.engine) {
        throw new Error(`the engine is ${engine}, not ${cell.engine}`);
      }
      row = { ...cell, version, result: "works" };
    } catch (error) {
      row = { ...cell, version: error.version ?? "", result: "fails", error: String(error.stack ?? error) };
    }
    rows.push(row);
    const seconds = ((performance.now() - started) / 1000).toFixed(1);
    process.stdout.write(`${row.result === "works" ? "ok  " : "FAIL"} ${cell.name} ${row.version} (${seconds} s)\n`);
    if (row.error !== undefined) {
      process.stdout.write(`${row.error.slice(0, 3000).replaceAll(/^/gm, "     ")}\n`);
    }
  }
} finally {
  await lab.close();
}

const red = rows.filter(({ result }) => result !== "works");
if (isWriting) {
  const page = join(root, "docs/environments.md");
  const text = await readFile(page, "utf8");
  const [before] = text.split("<!-- The rest is written by `make test-everywhere`. -->");
  const date = new Date().toISOString().slice(0, 10);
  const lines = rows.map(
    ({ name, version, engine, result }) =>
      `| ${name} | ${version} | ${result === "works" ? engine : ""} | ${result === "works" ? "works" : `**fails**: ${REASONS[name] ?? "not explained yet"}`} |`,
  );
  const table = `| environment | version | engine | result |\n|---|---|---|---|\n${lines.join("\n")}\n`;
  await writeFile(
    page,
    `${before}<!-- The rest is written by \`make test-everywhere\`. -->\n\n## Tested\n\nOne program, with the package as it is published, on ${date}: ${rows.length - red.length} of ${rows.length} environments work.\n\n${table}`,
  );
}
const unexplained = red.filter(({ name }) => REASONS[name] === undefined);
process.stdout.write(`${rows.length - red.length} of ${rows.length} environments work\n`);
process.exitCode = unexplained.length > 0 || rows.length === 0 ? 1 : 0;
