/**
 * The release number stands in one place: `version` of `[workspace.package]` in Cargo.toml. Every other file that has to
 * repeat it is found here.
 *
 * - `node scripts/release-number.mjs` fails if a file has another number, and names it.
 * - `node scripts/release-number.mjs 1.2.3` sets the number everywhere.
 */

import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const VERSION = "\\d+\\.\\d+\\.\\d+(?:-[\\w.]+)?";
const CRATE = "isocache(?:-[a-z]+)*";

/** Which files repeat the number, and where: in each pattern the number is between two groups. */
const PLACES = [
  // What a crate depends on: `isocache-macros = { version = "=1.2.3", … }`.
  [/(^|\/)Cargo\.toml$/, `(^${CRATE} = (?:\\{.*\\bversion = )?"[=^]?)(${VERSION})(")`],
  // A crate that is published on its own number. Others stay at 0.0.0.
  [/(^|\/)Cargo\.toml$/, `(^\\[package\\]\\nname = "${CRATE}"\\nversion = ")(?!0\\.0\\.0")(${VERSION})(")`],
  // Lock files: crates of this repository have no source.
  [/(^|\/)Cargo\.lock$/, `(^name = "${CRATE}"\\nversion = ")(?!0\\.0\\.0")(${VERSION})("\\n(?!source))`],
  [/^pkg\/package\.json$/, `(^ {2}"version": ")(${VERSION})(")`],
  [/(^|\/)package\.json$/, `("isocache": "[~^]?)(${VERSION})(")`],
  [/(^|\/)package-lock\.json$/, `("pkg": \\{\\n\\s+"name": "isocache",\\n\\s+"version": ")(${VERSION})(")`],
  [/(^|\/)package-lock\.json$/, `("isocache": "[~^]?)(${VERSION})(")`],
];
const SOURCE = new RegExp(`(^\\[workspace\\.package\\]\\nversion = ")(${VERSION})(")`, "m");

/** The number, and every place that repeats it, as `{ file, line, found }`. `files` are paths from `root`. */
export function releaseNumber(root, files) {
  const number = SOURCE.exec(readFileSync(join(root, "Cargo.toml"), "utf8"))?.[2];
  if (number === undefined) {
    throw new Error("Cargo.toml has no version under [workspace.package]");
  }
  const places = files.flatMap((file) => {
    const patterns = PLACES.filter(([name]) => name.test(file));
    const text = patterns.length > 0 ? readFileSync(join(root, file), "utf8") : "";
    return patterns.flatMap(([, pattern]) =>
      [...text.matchAll(new RegExp(pattern, "gm"))].map((match) => ({
        file,
        line: text.slice(0, match.index + match[1].length).split("\n").length,
        found: match[2],
      })),
    );
  });
  return { number, places };
}

/** Sets the number everywhere. */
export function setReleaseNumber(root, files, number) {
  for (const file of files) {
    const patterns = PLACES.filter(([name]) => name.test(file)).map(([, pattern]) => new RegExp(pattern, "gm"));
    if (file === "Cargo.toml") {
      patterns.push(SOURCE);
    }
    if (patterns.length > 0) {
      const text = readFileSync(join(root, file), "utf8");
      const changed = patterns.reduce((all, pattern) => all.replace(pattern, `$1${number}$3`), text);
      if (changed !== text) {
        writeFileSync(join(root, file), changed);
      }
    }
  }
}

/** The files that git knows. */
export function knownFiles(root) {
  return execFileSync("git", ["ls-files"], { cwd: root, encoding: "utf8" }).trimEnd().split("\n");
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const root = fileURLToPath(new URL("..", import.meta.url));
  const [wanted] = process.argv.slice(2);
  if (wanted !== undefined) {
    if (!new RegExp(`^${VERSION}$`).test(wanted)) {
      process.stderr.write(
        `isocache: a release number has three parts, for example 1.2.3, not ${JSON.stringify(wanted)}\n`,
      );
      process.exit(2);
    }
    setReleaseNumber(root, knownFiles(root), wanted);
  }
  const { number, places } = releaseNumber(root, knownFiles(root));
  const wrong = places.filter(({ found }) => found !== number);
  for (const { file, line, found } of wrong) {
    process.stderr.write(
      `${file}:${line} has ${found}, and Cargo.toml ${number}: node scripts/release-number.mjs ${number}\n`,
    );
  }
  process.stdout.write(`isocache ${number}, repeated in ${places.length} places\n`);
  process.exit(wrong.length > 0 ? 1 : 0);
}
