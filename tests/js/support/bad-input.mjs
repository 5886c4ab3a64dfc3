/** Assertions on calls with wrong arguments. */

import assert from "node:assert/strict";

/** An assertion on an error: one of ours, of the class, and it names the argument. */
function error(Class, name) {
  return (caught) => {
    assert.ok(caught instanceof Class, `${Class.name} expected, not ${caught}`);
    assert.match(caught.message, /^isocache: /);
    assert.ok(caught.message.includes(name), `"${caught.message}" does not name ${name}`);
    return true;
  };
}
export const refuses = (call, Class, name) => assert.throws(call, error(Class, name));
export const rejects = (call, Class, name) => assert.rejects(call, error(Class, name));

/** Everything that can be seen of a cache. */
export const state = (cache) => ({ entries: [...cache], stats: cache.stats(), limits: cache.limits });
