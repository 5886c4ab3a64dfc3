// docs/errors.md is the page that docs/scripts/errors.mjs makes of the sources.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { errorsPage } from "../../docs/scripts/errors.mjs";

test("docs/errors.md is up to date", () => {
  const page = readFileSync(new URL("../../docs/errors.md", import.meta.url), "utf8");
  assert.equal(page, errorsPage(), "npm run errors --workspace docs");
  for (const message of [
    "| InvalidArgument | key: is empty |",
    "| TypeError | loader must be a function, not … |",
    "| `Timeout` | ",
  ]) {
    assert.ok(page.includes(message), message);
  }
});
