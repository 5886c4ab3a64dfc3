// How V8 reads the code that every import in Node loads: once. A function that is not in parentheses is read again when it is
// called, with all that is in it.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";

test("the functions around core.cjs are in parentheses", async () => {
  const code = await readFile(new URL("../../pkg/dist/core.cjs", import.meta.url), "utf8");
  assert.match(code, /^"use strict";module\.exports=\(function\(\w+\)\{var \w+=\(function\(\)\{/);
  assert.match(code, /\}\)\(\);return \w+\}\);\n$/);
});
