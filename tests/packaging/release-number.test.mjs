// The release number stands in one place, and every file that repeats it agrees.

import assert from "node:assert/strict";
import { cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { knownFiles, releaseNumber, setReleaseNumber } from "../../scripts/release-number.mjs";
import { temporaryFolder } from "../support/processes.mjs";
import { root } from "./support.mjs";

const MANIFEST = /(^|\/)(Cargo\.(toml|lock)|package(-lock)?\.json)$/;
const files = knownFiles(root).filter((file) => MANIFEST.test(file));

test("crates, dependencies, the package, examples and lock files agree", () => {
  const { number, places } = releaseNumber(root, files);
  assert.deepEqual(
    places.filter(({ found }) => found !== number),
    [],
  );
  for (const file of [
    "Cargo.toml",
    "Cargo.lock",
    "pkg/package.json",
    "package-lock.json",
    "examples/rust-worker/Cargo.lock",
  ]) {
    assert.ok(
      places.some((place) => place.file === file),
      `${file} repeats it`,
    );
  }
});

test("no file has the number where it would not be found", () => {
  const { number, places } = releaseNumber(root, files);
  const escaped = number.replaceAll(".", "\\.");
  for (const file of files) {
    const lines = readFileSync(join(root, file), "utf8").split("\n");
    // Within three lines of the name: other packages may have the same number.
    const near = lines.flatMap((line, at) => {
      const isOurs = lines
        .slice(Math.max(0, at - 2), at + 1)
        .some((text) => /"?\bisocache[a-z-]*"? ?[=:]|name(" ?: | = )"isocache/.test(text));
      return isOurs && new RegExp(`\\b${escaped}"`).test(line) ? [at + 1] : [];
    });
    const found = places.filter((place) => place.file === file).map(({ line }) => line);
    assert.deepEqual(
      near.filter((line) => !found.includes(line)),
      [],
      file,
    );
  }
});

test("one command sets it everywhere, and another number is noticed", () => {
  const copy = temporaryFolder();
  for (const file of files) {
    mkdirSync(dirname(join(copy, file)), { recursive: true });
    cpSync(join(root, file), join(copy, file));
  }
  setReleaseNumber(copy, files, "7.8.9");
  const { number, places } = releaseNumber(copy, files);
  assert.equal(number, "7.8.9");
  assert.equal(places.length, releaseNumber(root, files).places.length);
  assert.ok(places.every(({ found }) => found === "7.8.9"));
  const manifest = join(copy, "pkg/package.json");
  writeFileSync(manifest, readFileSync(manifest, "utf8").replace('"7.8.9"', '"7.8.8"'));
  assert.deepEqual(
    releaseNumber(copy, files).places.filter(({ found }) => found !== "7.8.9"),
    [{ file: "pkg/package.json", line: 3, found: "7.8.8" }],
  );
});

test("every npm script that a target or a check runs exists", () => {
  const manifests = { "": "package.json", pkg: "pkg/package.json", docs: "docs/package.json" };
  const commands = filesWithCommands().flatMap((file) =>
    [...readFileSync(join(root, file), "utf8").matchAll(/npm run (?:--silent )?(?:--workspace (\S+) )?([\w-]+)/g)].map(
      ([, workspace = "", name]) => ({ file, workspace, name }),
    ),
  );
  assert.ok(commands.length >= 2);
  for (const { file, workspace, name } of commands) {
    const { scripts = {} } = JSON.parse(readFileSync(join(root, manifests[workspace]), "utf8"));
    assert.ok(Object.hasOwn(scripts, name), `${file} runs ${name}, which ${manifests[workspace]} does not have`);
  }
});

function filesWithCommands() {
  return ["Makefile", ...readdirSync(join(root, "scripts")).map((name) => `scripts/${name}`)];
}
