/**
 * Runs the program in every environment: \`node tests/packaging/environments/run.mjs [--write] [WORD…]\`. With words, only the
 * environments whose name contains one of them. With --write, the table goes to docs/environments.md.
 */

import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { root } from "../support.mjs";
import { CELLS, REASONS } from "./cells.mjs";
import { Lab } from "./lab.mjs";

const words = process.argv.slice(2);
const isWriting = words.includes("--write");
const chosen = words.filter((word) => !word.startsWith("--"));

const RESULTS = join(root, "target", "environments", "results");
const fileOf = ({ name }) => join(RESULTS, `${name.replaceAll(/\W+/g, "-")}.json`);

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
    await mkdir(RESULTS, { recursive: true });
    const { version, result } = row;
    await writeFile(fileOf(cell), JSON.stringify({ version, result, date: new Date().toISOString().slice(0, 10) }));
    const seconds = ((performance.now() - started) / 1000).toFixed(1);
    process.stdout.write(`${row.result === "works" ? "ok  " : "FAIL"} ${cell.name} ${row.version} (${seconds} s)\n`);
    if (row.error !== undefined) {
      process.stdout.write(`${row.error.slice(0, 3000).replaceAll(/^/gm, "     ")}\n`);
    }
  }
} finally {
  await lab.close();
}

const unexplained = rows.filter(({ name, result }) => result !== "works" && REASONS[name] === undefined);
process.stdout.write(`${rows.filter(({ result }) => result === "works").length} of ${rows.length} environments work\n`);
if (isWriting) {
  await writeTable();
}
process.exitCode = unexplained.length > 0 || rows.length === 0 ? 1 : 0;

/** Writes the newest result of every environment. One that was never tried is an error. */
async function writeTable() {
  const results = await Promise.all(
    CELLS.map(async (cell) => {
      const text = await readFile(fileOf(cell), "utf8").catch(() => {
        throw new Error(`${cell.name} has never been tried: run it, or all`);
      });
      return { ...cell, ...JSON.parse(text) };
    }),
  );
  const works = results.filter(({ result }) => result === "works").length;
  const lines = results.map(({ name, version, engine, result, date }) => {
    const why = `**fails**: ${REASONS[name] ?? "not explained yet"}`;
    return `| ${name} | ${version} | ${result === "works" ? engine : ""} | ${result === "works" ? "works" : why} | ${date} |`;
  });
  const mark = "<!-- The rest is written by `make test-everywhere`. -->";
  const page = join(root, "docs/environments.md");
  const [before] = (await readFile(page, "utf8")).split(mark);
  const intro = `One program, with the package as it is published. ${works} of ${results.length} environments work.`;
  const head = "| environment | version | engine | result | tried |\n|---|---|---|---|---|";
  await writeFile(page, `${before.trimEnd()}\n\n${mark}\n\n## Tested\n\n${intro}\n\n${head}\n${lines.join("\n")}\n`);
}
