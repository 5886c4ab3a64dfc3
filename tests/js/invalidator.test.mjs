// Invalidation: what goes, what stays, and what is said when a part of it fails. In memory, and over HTTP.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Cache, CacheInvalidator, HttpCache, InvalidationError, keys, MemoryCache } from "isocache";
import { startBridge } from "./http/support/servers.mjs";

let bridge;
before(async () => {
  bridge = await startBridge();
});
after(() => bridge?.close());
let spaces = 0;

/** Empty caches of every kind. */
const caches = {
  MemoryCache: () => new MemoryCache(),
  Cache: () => new Cache({ namespace: "app" }),
  HttpCache: () => new HttpCache({ url: bridge.url, timeout: "5m", token: bridge.token, namespace: `n${spaces++}` }),
};

async function filled(cache, names) {
  for (const name of names) {
    await cache.set(name, 1);
  }
  return async () => (await Promise.all(names.map(async (name) => ((await cache.has(name)) ? name : [])))).flat();
}

for (const [name, make] of Object.entries(caches)) {
  test(`${name}: one user goes with all lists, all users go`, async () => {
    const cache = make();
    const left = await filled(cache, ["session:t", "user:1", "user:10", "user:2", "user_list:a", "user_list:b"]);
    const invalidator = new CacheInvalidator(cache);
    assert.deepEqual(await invalidator.invalidateUser(1), { entries: 1, lists: 2 });
    assert.deepEqual(await left(), ["session:t", "user:10", "user:2"]);
    assert.deepEqual(await invalidator.invalidateUser("1"), { entries: 0, lists: 0 });
    assert.deepEqual(await invalidator.invalidateAllUsers(), { entries: 2, lists: 0 });
    assert.deepEqual(await left(), ["session:t"]);
  });

  test(`${name}: an id reaches nothing else`, async () => {
    for (const id of ["*", "1:x", "?", "[12]", "\\*", "", "%2A"]) {
      const cache = make();
      const left = await filled(cache, ["user:1", "user:1:x", "user:2", keys.user({ id })]);
      assert.equal((await new CacheInvalidator(cache).invalidateUser(id)).entries, 1, id);
      assert.deepEqual(await left(), ["user:1", "user:1:x", "user:2"], id);
    }
  });

  test(`${name}: an entity may have several keys and lists`, async () => {
    const cache = make();
    const left = await filled(cache, ["team:7", "team_name:7", "team:8", "team_list:1", "ranking", "user:7"]);
    const one = new CacheInvalidator(cache).entity("team").key("team:{id}");
    const teams = one.key("team_name:{team}").lists("team_list:*").lists("ranking");
    assert.deepEqual(await teams.invalidate(7), { entries: 2, lists: 2 });
    assert.deepEqual(await left(), ["team:8", "user:7"]);
    assert.deepEqual(await teams.invalidateAll(), { entries: 1, lists: 0 });
    assert.deepEqual(await left(), ["user:7"]);
  });
}

test("a value that is not a provider or an entity is refused", () => {
  for (const provider of [undefined, null, {}, { delete() {} }]) {
    assert.throws(() => new CacheInvalidator(provider), /^TypeError: isocache: provider has no method/);
  }
  const invalidator = new CacheInvalidator(new MemoryCache());
  assert.throws(() => invalidator.entity(7), TypeError);
  for (const pattern of ["team:{id", "team", "member:{team}:{id}", ""]) {
    assert.throws(() => invalidator.entity("team").key(pattern), /^RangeError: isocache: pattern/, pattern);
  }
  assert.throws(() => invalidator.entity("team").key("team:{id}").lists(""), RangeError);
});

/** Fails for what it is told; tells what it was asked. */
function failing(...fails) {
  const asked = [];
  const ask = async (what, answer) => {
    asked.push(what);
    if (fails.includes(what)) {
      throw new Error(`no answer about ${what}`);
    }
    return answer;
  };
  return { asked, delete: (key) => ask(key, true), clearPattern: (pattern) => ask(pattern, 3) };
}

test("one failure keeps nothing else from going", async () => {
  const provider = failing("user:7");
  await assert.rejects(new CacheInvalidator(provider).invalidateUser(7), (error) => {
    assert.ok(error instanceof InvalidationError && error.name === "InvalidationError");
    assert.deepEqual(error.removed, { entries: 0, lists: 3 });
    assert.deepEqual(
      error.remaining.map(({ what }) => what),
      ["user:7"],
    );
    assert.equal(error.cause, error.remaining[0].error);
    assert.equal(
      error.message,
      'isocache: the invalidation of user is incomplete; there may remain "user:7" (no answer about user:7)',
    );
    return true;
  });
  assert.deepEqual(provider.asked, ["user:7", "user_list:*"]);
});

test("what is issued together is counted together", async () => {
  const slow = { delete: async () => true, clearPattern: () => new Promise((done) => setImmediate(done, 2)) };
  const teams = new CacheInvalidator(slow)
    .entity("team")
    .key("team:{id}")
    .key("team_name:{id}")
    .lists("a*")
    .lists("b*");
  assert.deepEqual(await teams.invalidate(7), { entries: 2, lists: 4 });
});

test("after a write, whatever became of it", async () => {
  const cache = new MemoryCache();
  const users = new CacheInvalidator(cache).entity("user").key("user:{id}");
  cache.set("user:1", "old");
  const write = async () => {
    assert.equal(cache.get("user:1"), "old", "the write comes first");
    return "written";
  };
  assert.equal(await users.after(write, 1), "written");
  assert.equal(cache.size, 0);

  cache.set("user:1", "old");
  const broken = new Error("the connection broke after the commit");
  const fail = () => {
    throw broken;
  };
  await assert.rejects(users.after(fail, 1), broken);
  assert.equal(cache.size, 0);

  let wrote = false;
  await assert.rejects(
    users.after(() => {
      wrote = true;
    }, undefined),
    TypeError,
  );
  assert.ok(!wrote, "without an id nothing is written");
  await assert.rejects(users.after(undefined, 1), TypeError);

  const stuck = new CacheInvalidator(failing("user:1")).entity("user").key("user:{id}");
  await assert.rejects(
    stuck.after(() => "written", 1),
    ({ name, value }) => name === "InvalidationError" && value === "written",
  );
  await assert.rejects(stuck.after(fail, 1), ({ name, errors }) => {
    assert.equal(name, "AggregateError");
    assert.ok(errors[0] === broken && errors[1] instanceof InvalidationError);
    return true;
  });
});
