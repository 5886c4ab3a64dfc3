// The rules that every provider keeps, from the tables that all runtimes share, against the classes of the package.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";
import * as isocache from "isocache";
import { runCase, runGlob } from "./conformance.mjs";
import { SUBJECTS } from "./conformance-subjects.mjs";
import { FORMS } from "./support/forms.mjs";

const read = (name) => JSON.parse(readFileSync(new URL(`../vectors/${name}.json`, import.meta.url), "utf8"));
const conformance = read("conformance");
const globs = read("glob");

test("the tables are there, and each name is unique", () => {
  assert.ok(conformance.cases.length >= 50, `${conformance.cases.length} cases`);
  assert.ok(globs.cases.length >= 60, `${globs.cases.length} globs`);
  const names = conformance.cases.map(({ name }) => name);
  assert.equal(new Set(names).size, names.length);
  assert.deepEqual([...new Set(conformance.cases.map(({ rule }) => rule))].toSorted(), [1, 2, 3, 4, 5, 6, 7, 8]);
});

for (const [form, classes] of Object.entries(FORMS)) {
  for (const [subject, how] of Object.entries(SUBJECTS)) {
    describe(`${subject}, with the engine as ${form}`, () => {
      for (const one of conformance.cases.filter((one) => how.applies?.(one) ?? true)) {
        test(`rule ${one.rule}: ${one.name}`, () => runCase(one, how, classes));
      }
    });
  }

  describe(`globs, with the engine as ${form}`, () => {
    for (const one of globs.cases) {
      test(JSON.stringify(one).slice(0, 80), () => runGlob(one, classes));
    }
  });
}

describe("the interpreter notices", () => {
  const fine = { rule: 1, name: "n", options: {}, steps: [{ op: "get", key: "a", expect: "absent" }] };
  const wrong = {
    "a wrong answer": { steps: [{ op: "get", key: "a", expect: { found: 1 } }] },
    "a wrong number": { steps: [{ op: "clear_pattern", pattern: "*", expect: 1 }] },
    "an error that does not come": { steps: [{ op: "get", key: "a", error: "invalid_argument" }] },
    "an error that names something else": {
      steps: [{ op: "get", key: "", error: "invalid_argument", names: ["ttl"] }],
    },
    "an error that nobody expects": { steps: [{ op: "get", key: "", expect: "absent" }] },
    "an unknown operation": { steps: [{ op: "touch", key: "a" }] },
    "an unknown field of a step": { steps: [{ op: "get", key: "a", expect: "absent", twice: true }] },
    "a forgotten expectation": { steps: [{ op: "get", key: "a" }] },
    "an unknown option": { options: { max: 1 } },
    "an unknown field of a case": { skip: true },
    "an unknown figure": { steps: [{ op: "stats", expect: { loads: 0 } }] },
    "a wrong figure": { steps: [{ op: "stats", expect: { sets: 1 } }] },
    "no steps": { steps: [] },
  };
  test("nothing, where all is right", () => runCase(fine, SUBJECTS.Cache, isocache));
  for (const [what, change] of Object.entries(wrong)) {
    test(what, () => assert.rejects(runCase({ ...fine, ...change }, SUBJECTS.Cache, isocache)));
  }
  test("a wrong glob", async () => {
    await assert.rejects(runGlob(["a", "a", false], isocache));
    await assert.rejects(runGlob(["a", "b", true], isocache));
    await assert.rejects(runGlob(["a", "b"], isocache));
  });
});
