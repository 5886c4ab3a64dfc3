// docs/names.md, compared with what both libraries export: what has not the same name in Rust and in JavaScript is in its
// tables, and what is in the tables is there.

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { Cache, HttpCache, MemoryCache } from "isocache";

const root = new URL("../../", import.meta.url);
const read = (path) => readFileSync(new URL(path, root), "utf8");
const withoutComments = (text) => text.replace(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, "");

/** The names in the braces of a list of exports, or the one name without braces. */
function listed(list) {
  const inner = /\{([\s\S]*)\}/.exec(list)?.[1] ?? list.slice(list.lastIndexOf("::") + 2);
  return inner
    .split(",")
    .map((name) =>
      name
        .trim()
        .replace(/^type /, "")
        .replace(/^.* as /, ""),
    )
    .filter(Boolean);
}

const javascript = new Set(
  ["api", "memory-api", "http-api", "msgpack-api"].flatMap((name) =>
    [...withoutComments(read(`pkg/src/${name}.ts`)).matchAll(/^export (?:type )?(\{[^}]*\})/gm)].flatMap(([, list]) =>
      listed(list),
    ),
  ),
);
const rust = new Set(
  [...withoutComments(read("src/lib.rs")).matchAll(/^pub use ([^;]+);/gm)].flatMap(([, list]) => listed(list)),
);

/** The rows of the table below a heading: the names in backticks in the columns of Rust and of JavaScript. */
function table(heading) {
  const section = read("docs/names.md").split(`## ${heading}\n`)[1].split("\n## ")[0];
  const rows = section.split("\n").filter((line) => line.startsWith("| ") && !line.startsWith("| Rust"));
  assert.ok(rows.length > 3, heading);
  const names = (cell) => [...cell.matchAll(/`(\w+)[^`]*`/g)].map(([, name]) => name);
  return {
    rust: new Set(rows.flatMap((row) => names(row.split("|")[1]))),
    javascript: new Set(rows.flatMap((row) => names(row.split("|")[2]))),
  };
}

/** One spelling for both languages. */
const plain = (name) => name.replaceAll("_", "").toLowerCase();
const without = (names, ...others) => [...names].filter((name) => !others.some((other) => other.has(name)));
const spelled = (names) => new Set([...names].map(plain));

test("types and functions", () => {
  assert.ok(javascript.size > 40 && rust.size > 40, `${javascript.size}, ${rust.size}`);
  const shown = table("Types and functions");
  assert.deepEqual(without(shown.rust, rust), [], "the table has names that Rust does not export");
  assert.deepEqual(without(shown.javascript, javascript), [], "the table has names that JavaScript does not export");
  const [sameInRust, sameInJavaScript] = [spelled(rust), spelled(javascript)];
  const missing = {
    rust: without(rust, shown.rust).filter((name) => !sameInJavaScript.has(plain(name))),
    javascript: without(javascript, shown.javascript).filter((name) => !sameInRust.has(plain(name))),
  };
  assert.deepEqual(missing, { rust: [], javascript: [] }, "these are in one language only: add them to the table");
});

test("methods", () => {
  const methods = new Set(
    [Cache, HttpCache, MemoryCache]
      .flatMap((type) => [type.prototype, Object.getPrototypeOf(type.prototype)])
      .filter((prototype) => prototype !== Object.prototype)
      .flatMap((prototype) => Object.entries(Object.getOwnPropertyDescriptors(prototype)))
      .filter(([name, { value }]) => typeof value === "function" && name !== "constructor")
      .map(([name]) => name),
  );
  const internal = new Set(
    ["cache", "memory-cache", "http/http-cache"].flatMap((name) =>
      [
        ...read(`pkg/src/${name}.ts`).matchAll(/\/\*\*\s+(?:\* )?@internal(?:[^*]|\*(?!\/))*\*\/\s+(?:async )?(\w+)/g),
      ].map(([, method]) => method),
    ),
  );
  const functions = new Set(
    readdirSync(new URL("src/", root), { recursive: true })
      .filter((name) => name.endsWith(".rs") && !name.startsWith("private"))
      .flatMap((name) => [...read(`src/${name}`).matchAll(/\bfn (\w+)/g)].map(([, fn]) => fn)),
  );
  const shown = table("Methods");
  assert.deepEqual(without(shown.rust, functions), [], "the table has methods that Rust has not");
  const known = new Set([...methods, "onRemoval"]);
  assert.deepEqual(without(shown.javascript, known), [], "the table has methods that JavaScript has not");
  const inRust = spelled(functions);
  const missing = without(methods, shown.javascript, internal).filter((name) => !inRust.has(plain(name)));
  assert.deepEqual(missing, [], "these are in JavaScript only: add them to the table");
});
