// The environments that are quick to try; `make test-everywhere` tries all of them.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { CELLS } from "./environments/cells.mjs";
import { Lab } from "./environments/lab.mjs";

const quick = CELLS.filter((cell) => cell.quick);

describe("environments", () => {
  let lab;
  before(async () => {
    lab = await Lab.open();
  });
  after(() => lab?.close());

  test("some are quick, and each has a name of its own", () => {
    assert.ok(quick.length >= 10 && CELLS.length >= 70, `${quick.length} of ${CELLS.length}`);
    assert.equal(new Set(CELLS.map(({ name }) => name)).size, CELLS.length);
  });

  for (const { name, engine, run } of quick) {
    test(name, async () => {
      const { text } = await run(lab);
      assert.equal(lab.check(text), engine);
    });
  }
});
