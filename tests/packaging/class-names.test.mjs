// What consoles and stack traces call the classes: by their public names, in every file of the package.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { test } from "node:test";

const pkg = new URL("../../pkg/", import.meta.url);
const manifest = JSON.parse(await readFile(new URL("package.json", pkg), "utf8"));
const require = createRequire(import.meta.url);

/** The paths of all files that the conditions of an entry lead to. */
const targets = (value) => (typeof value === "string" ? [value] : Object.values(value).flatMap(targets));
const files = new Set(targets(manifest.exports).filter((path) => /\.c?js$/.test(path)));
const isClass = (value) => typeof value === "function" && /^class\b/.test(Function.prototype.toString.call(value));

/** The public classes by entry; those of `index`, `js` and `wasm` are the same. */
const ALL = [
  ...["Cache", "CacheError", "CacheInvalidator", "HttpCache", "InvalidationError", "LoadTimeoutError"],
  ...["MemoryCache", "RateLimiter", "SessionStore", "Tagged"],
];
const EXPECTED = { memory: ["MemoryCache"], http: ["CacheError", "HttpCache"], msgpack: [] };

for (const path of files) {
  test(`classes of ${path} have their public names`, async () => {
    const file = new URL(path, pkg);
    const exported = path.endsWith(".cjs") ? require(file.pathname) : await import(file);
    // Names that begin with a $ are for isocache/wasm, which shares the code.
    const classes = Object.entries(exported).filter(([name, value]) => isClass(value) && !name.startsWith("$"));
    for (const name of EXPECTED[/^\.\/dist\/(\w+)/.exec(path)[1]] ?? ALL) {
      assert.ok(
        classes.some(([one]) => one === name),
        `${name} is missing`,
      );
    }
    for (const [name, { name: shown }] of classes) {
      assert.equal(shown, name);
    }
  });
}
