// The imports of the package: no circles, not even of types; types are imported as types; what an entry exports is imported
// from where it is defined; and everything that is exported is imported somewhere.

import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import { dirname, join, normalize } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const source = fileURLToPath(new URL("../../pkg/src", import.meta.url));
const files = (await readdir(source, { recursive: true })).filter((name) => /(?<!\.d)\.ts$/.test(name));
const texts = new Map(await Promise.all(files.map(async (file) => [file, await readFile(join(source, file), "utf8")])));

/** The statements of a file that import or export from others: the file, the names, and whether it is for types only. */
function importsOf(file) {
  const statements = texts.get(file).matchAll(/^(import|export) (type )?([^;"]*?)\s*from "(\.{1,2}\/[^"]+)\.js";/gms);
  return [...statements].map(([, keyword, type, list, path]) => ({
    from: normalize(join(dirname(file), `${path}.ts`)),
    keyword,
    isType: type !== undefined,
    isAll: list.includes("*"),
    names: (/\{([^}]*)\}/s.exec(list)?.[1] ?? "")
      .split(",")
      .map((name) => name.trim())
      .filter(Boolean)
      .map((name) => ({ name: name.replace(/^type /, "").split(" as ")[0], isType: name.startsWith("type ") })),
  }));
}

/** What a file declares and exports. */
function exportsOf(file) {
  const declared = texts
    .get(file)
    .matchAll(/^export (?:default )?(?:abstract )?(?:async )?(class|function\*?|const|let|interface|type) (\w+)/gm);
  return [...declared].map(([, kind, name]) => ({ name, isType: kind === "interface" || kind === "type" }));
}

const isApi = (file) => /(^|-)api\.ts$/.test(file);
const isEntry = (file) => dirname(file) === "entries";

test("there are files, imports and exports", () => {
  const imports = files.flatMap(importsOf);
  assert.ok(files.length > 50 && imports.length > 100 && files.flatMap(exportsOf).length > 150);
  assert.equal(files.filter(isApi).length, 4);
});

test("imports form no circles", () => {
  const imports = new Map(
    files.map((file) => [
      file,
      importsOf(file)
        .map(({ from }) => from)
        .filter((from) => files.includes(from)),
    ]),
  );
  const done = new Set();
  const circles = [];
  const follow = (file, path) => {
    if (path.includes(file)) {
      circles.push([...path.slice(path.indexOf(file)), file].join(" -> "));
    } else if (!done.has(file)) {
      for (const imported of imports.get(file)) {
        follow(imported, [...path, file]);
      }
      done.add(file);
    }
  };
  for (const file of files) {
    follow(file, []);
  }
  assert.deepEqual(circles, []);
});

test("an entry's list of exports is imported by entries alone", () => {
  const wrong = files
    .filter((file) => !isApi(file) && !isEntry(file))
    .flatMap((file) =>
      importsOf(file)
        .filter(({ from }) => isApi(from))
        .map(({ from }) => `${file}: ${from}`),
    );
  assert.deepEqual(wrong, []);
});

test("types are imported as types", () => {
  const types = new Set(
    files.flatMap((file) =>
      exportsOf(file)
        .filter(({ isType }) => isType)
        .map(({ name }) => `${file} ${name}`),
    ),
  );
  const wrong = files.flatMap((file) =>
    importsOf(file).flatMap(({ from, names, isType }) =>
      names
        .filter((one) => !isType && !one.isType && types.has(`${from} ${one.name}`))
        .map(({ name }) => `${file}: ${name}`),
    ),
  );
  assert.deepEqual(wrong, []);
});

test("everything that is exported is imported, or exported by an entry", () => {
  const used = new Set(
    files.flatMap((file) =>
      importsOf(file).flatMap(({ from, names, isAll }) =>
        isAll ? exportsOf(from).map(({ name }) => `${from} ${name}`) : names.map(({ name }) => `${from} ${name}`),
      ),
    ),
  );
  const unused = files
    // Which of the forms of the engine is imported, the build decides.
    .filter((file) => !isEntry(file) && dirname(file) !== "forms")
    .flatMap((file) => exportsOf(file).map(({ name }) => `${file} ${name}`))
    .filter((one) => !used.has(one));
  assert.deepEqual(unused, []);
});
