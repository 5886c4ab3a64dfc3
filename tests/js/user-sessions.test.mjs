// Sessions of users: rotating, listing and ending them; races; and what both languages store. In memory, in a Cache, and over
// HTTP.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { MemoryCache, SessionStore } from "isocache";
import { stores } from "./support/stores.mjs";

const vectors = JSON.parse(readFileSync(new URL("../vectors/sessions.json", import.meta.url), "utf8"));

const STORES = stores();

function made(make, options = {}) {
  const time = { now: 1_000_000 };
  const clock = () => time.now;
  const store = make(clock);
  return { time, store, sessions: new SessionStore(store, { ttl: "1h", absoluteLimit: "12h", clock, ...options }) };
}
const valuesOf = async (sessions, user) => (await sessions.all(user)).map(({ value }) => value);

for (const [name, make] of Object.entries(STORES)) {
  test(`${name}: a rotated session has a new token, the same value and the same end`, async () => {
    for (const options of [{}, { user: 7 }]) {
      const { time, sessions } = made(make);
      const token = await sessions.create({ cart: [1] }, options);
      time.now += 60_000;
      const fresh = await sessions.rotate(token);
      assert.notEqual(fresh, token);
      assert.equal(fresh.slice(64), token.slice(64), "the absolute limit goes on");
      assert.equal(await sessions.get(token), undefined);
      assert.equal(await sessions.update(token, {}), false);
      assert.equal(await sessions.rotate(token), undefined);
      assert.deepEqual(await sessions.get(fresh), { cart: [1] });
      assert.equal(await sessions.rotate("x"), undefined);
      assert.equal(await sessions.destroy(fresh), true);
      assert.equal(await sessions.rotate(fresh), undefined);
    }
  });

  test(`${name}: of many rotations at once, one wins, and its session remains`, async () => {
    const { sessions } = made(make);
    for (const options of [{}, { user: "ada" }]) {
      const token = await sessions.create("Ada", options);
      const rotated = await Promise.all(Array.from({ length: 10 }, () => sessions.rotate(token)));
      const fresh = rotated.filter((one) => one !== undefined);
      assert.equal(fresh.length, 1);
      assert.equal(await sessions.get(fresh[0]), "Ada");
    }
    assert.deepEqual(await valuesOf(sessions, "ada"), ["Ada"]);
  });

  test(`${name}: all sessions of a user are listed and ended, and no others`, async () => {
    const { time, sessions } = made(make);
    const laptop = await sessions.create("laptop", { user: "a:b" });
    time.now++;
    const phone = await sessions.create("phone", { user: "a:b" });
    const other = await sessions.create("other", { user: "a" });
    const nobody = await sessions.create("nobody");
    assert.deepEqual(await sessions.all("a:b"), [
      { token: laptop, value: "laptop" },
      { token: phone, value: "phone" },
    ]);
    assert.equal(await sessions.destroy(laptop), true);
    assert.deepEqual(await valuesOf(sessions, "a:b"), ["phone"]);
    const fresh = await sessions.rotate(phone);
    assert.deepEqual(await sessions.all("a:b"), [{ token: fresh, value: "phone" }]);
    assert.equal(await sessions.destroyAll("a:b"), 1);
    assert.equal(await sessions.destroyAll("a:b"), 0);
    assert.deepEqual(await sessions.all("a:b"), []);
    assert.equal(await sessions.get(fresh), undefined);
    assert.equal(await sessions.get(other), "other");
    assert.equal(await sessions.get(nobody), "nobody");
    assert.deepEqual(await sessions.all("nobody"), []);
  });

  test(`${name}: no session that began before destroyAll outlives it, however it was rotated meanwhile`, async () => {
    const { sessions } = made(make);
    const rotate = async (token) => (await sessions.rotate(token)) ?? token;
    for (let round = 0; round < 20; round++) {
      const tokens = await Promise.all([1, 2, 3].map((value) => sessions.create(value, { user: 1 })));
      const [rotated] = await Promise.all([Promise.all(tokens.map(rotate)), sessions.destroyAll(1)]);
      for (const token of [...tokens, ...rotated]) {
        assert.equal(await sessions.get(token), undefined, `round ${round}`);
      }
      assert.deepEqual(await sessions.all(1), []);
    }
  });

  test(`${name}: a session that begins while all are ended is ended or listed`, async () => {
    const { sessions } = made(make);
    for (let round = 0; round < 20; round++) {
      const [token] = await Promise.all([sessions.create(round, { user: 2 }), sessions.destroyAll(2)]);
      assert.deepEqual(await valuesOf(sessions, 2), (await sessions.get(token)) === undefined ? [] : [round]);
      await sessions.destroyAll(2);
    }
  });

  test(`${name}: the index has maxPerUser places, and a further session ends the oldest`, async () => {
    const { sessions } = made(make, { maxPerUser: 3 });
    const tokens = [];
    for (let value = 0; value < 5; value++) {
      tokens.push(await sessions.create(value, { user: 3 }));
    }
    const alive = await Promise.all(tokens.map((token) => sessions.get(token)));
    assert.deepEqual(alive, [undefined, undefined, 2, 3, 4]);
    assert.deepEqual((await valuesOf(sessions, 3)).sort(), [2, 3, 4]);
  });

  test(`${name}: what is stored is what Rust reads, and the other way round`, async () => {
    const { user, sessions: listed, entries, rotate } = vectors;
    const time = { now: vectors.now };
    const store = make(() => time.now);
    for (const [key, value] of Object.entries(entries)) {
      await store.set(key, value, "1h");
    }
    const sessions = new SessionStore(store, { ttl: "1h", absoluteLimit: "12h", clock: () => time.now });
    assert.deepEqual(await sessions.all(user), listed);
    const fresh = await sessions.rotate(rotate.token);
    assert.equal(await store.get(`session:${fresh}`), rotate.value);
    assert.equal(await store.get(rotate.place), fresh);
    assert.equal(await store.get(`session-owner:${fresh}`), rotate.place);
    assert.equal(await store.has(`session-owner:${rotate.token}`), false);
    const token = await sessions.create("new", { user });
    assert.equal(await store.get(vectors.next.place), token);
    assert.equal(await store.get(vectors.next.counter), vectors.next.count);
    assert.equal(token.slice(64), `-${vectors.now + 12 * 3_600_000}-u`);
    assert.equal(await sessions.destroyAll(user), listed.length + 1);
  });
}

test("the index forgets with the absolute limit", async () => {
  const { time, store, sessions } = made(STORES["in memory"]);
  await sessions.create(1, { user: 1 });
  time.now += 6 * 3_600_000;
  await sessions.create(2, { user: 1 });
  time.now += 6 * 3_600_000;
  assert.ok(
    [...store.keys()].every((key) => key.startsWith("session-")),
    "the first one ended without use",
  );
  assert.equal(store.size, 3, "counter, place and owner of the second");
  time.now += 6 * 3_600_000;
  assert.equal(store.size, 0);
});

test("users need an absolute limit, and a provider that can keep an index", async () => {
  const lasting = new SessionStore(new MemoryCache(), { ttl: "1h" });
  await assert.rejects(lasting.create(1, { user: 1 }), /TypeError: isocache: sessions of users need absoluteLimit/);
  await assert.rejects(lasting.all(1), /absoluteLimit/);
  const token = await lasting.create(1);
  assert.equal(await lasting.get(await lasting.rotate(token)), 1);
  const memory = new MemoryCache();
  const plain = Object.fromEntries(
    ["set", "delete", "getAndTouch", "replace"].map((method) => [method, (...args) => memory[method](...args)]),
  );
  const sessions = new SessionStore(plain, { ttl: "1h", absoluteLimit: "12h" });
  await assert.rejects(
    sessions.create(1, { user: 1 }),
    /provider has no method getMany, which sessions of users needs?/,
  );
  await assert.rejects(sessions.rotate(await sessions.create(1)), /provider has no method getAndDelete, which rotate/);
  await assert.rejects(sessions.create(1, { usr: 1 }), /did you mean user/);
  for (const maxPerUser of [0, 1001, 1.5]) {
    assert.throws(() => new SessionStore(memory, { ttl: "1h", maxPerUser }), /maxPerUser must be/);
  }
});
