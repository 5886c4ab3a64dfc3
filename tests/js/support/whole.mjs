import assert from "node:assert/strict";

/** Throws unless everything that the cache says of itself agrees, and it still works as it should. */
export function assertWhole(cache, limit = 1000) {
  const keys = [...cache.keys()];
  const { entries, bytes } = cache.stats();
  assert.equal(new Set(keys).size, keys.length, "no key twice");
  assert.equal(cache.size, keys.length, "size");
  assert.equal(entries, keys.length, "entries");
  assert.ok(entries <= limit, "limit of entries");
  for (const key of keys) {
    assert.notEqual(cache.peek(key), undefined, `${key} has a value`);
  }
  for (const key of keys.toReversed()) {
    assert.notEqual(cache.get(key), undefined, `${key} is found`);
  }
  assert.deepEqual([...cache.keys()], keys, "order");
  assert.ok(bytes === undefined || bytes <= cache.limits.maxBytes, "limit of bytes");
  assert.equal(cache.clearPattern("*"), keys.length, "all can be cleared");
  assert.deepEqual([cache.size, cache.stats().bytes ?? 0], [0, 0]);
}
