import assert from "node:assert/strict";

/** Throws unless what an example says is what it gives. */
export function same(actual, expected, code) {
  assert.deepEqual(
    actual,
    expected,
    `${code.trim()}\ngives ${JSON.stringify(actual) ?? actual}, not ${JSON.stringify(expected) ?? expected}`,
  );
}
