// No file of the package imports itself by way of others, not even for its types.

import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import { dirname, join, normalize } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const source = fileURLToPath(new URL("../../pkg/src", import.meta.url));

test("imports form no circles", async () => {
  const files = (await readdir(source, { recursive: true })).filter((name) => /(?<!\.d)\.ts$/.test(name));
  const imports = new Map();
  for (const file of files) {
    const text = await readFile(join(source, file), "utf8");
    const named = [...text.matchAll(/\bfrom "(\.{1,2}\/[^"]+)\.js"/g)];
    imports.set(
      file,
      named.map(([, path]) => normalize(join(dirname(file), `${path}.ts`))).filter((path) => files.includes(path)),
    );
  }
  assert.ok(files.length > 50 && [...imports.values()].flat().length > 100);
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
