// Sessions, in memory and over HTTP: how long they last, how they end, and that errors do not show their tokens.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { inspect } from "node:util";
import { CacheError, HttpCache, MemoryCache, SessionStore } from "isocache";
import { startForeign } from "./http/support/foreign.mjs";
import { startBridge } from "./http/support/servers.mjs";

let bridge;
before(async () => {
  bridge = await startBridge();
});
after(() => bridge?.close());
const overHttp = () => new HttpCache({ url: bridge.url, timeout: "5m", token: bridge.token });

const KEY = (token) => `session:${token}`;

test("in memory, a session lasts while it is used", async () => {
  let now = 0;
  const cache = new MemoryCache({ clock: () => now });
  const sessions = new SessionStore(cache, { ttl: "1m" });
  const token = await sessions.create({ user: 1 });
  for (let use = 0; use < 5; use++) {
    now += 59_999;
    assert.deepEqual(await sessions.get(token), { user: 1 });
  }
  now += 59_999;
  assert.equal(await sessions.update(token, { user: 2 }), true);
  now += 59_999;
  assert.deepEqual(await sessions.get(token), { user: 2 });
  now += 60_000;
  assert.equal(await sessions.get(token), undefined);
  assert.equal(await sessions.update(token, {}), false);
  assert.equal(await sessions.destroy(token), false);
  assert.equal(cache.size, 0);
});

test("over HTTP, a session lasts while it is used", async () => {
  const cache = overHttp();
  const sessions = new SessionStore(cache, { ttl: "3h" });
  const token = await sessions.create({ user: 1 });
  const isWhole = async () => (await cache.getWithTtl(KEY(token))).ttl > 2 * 3600;
  assert.ok(await isWhole());
  await cache.set(KEY(token), { user: 1 }, "1h");
  assert.deepEqual(await sessions.get(token), { user: 1 });
  assert.ok(await isWhole(), "its ttl started again");
  await cache.set(KEY(token), { user: 1 }, "1h");
  assert.equal(await sessions.update(token, { user: 2 }), true);
  assert.ok(await isWhole());
  assert.deepEqual(await sessions.get(token), { user: 2 });
});

for (const [name, make] of [
  ["in memory", () => new MemoryCache()],
  ["over HTTP", overHttp],
]) {
  test(`${name}, a destroyed session does not come back`, async () => {
    const cache = make();
    const sessions = new SessionStore(cache, { ttl: "1h" });
    const token = await sessions.create("Ada");
    // The last use is under way when the session ends.
    const [, destroyed] = await Promise.all([
      sessions.get(token),
      sessions.destroy(token),
      sessions.update(token, "Eve"),
    ]);
    assert.equal(destroyed, true);
    assert.equal(await sessions.get(token), undefined);
    assert.equal(await sessions.update(token, "Eve"), false);
    assert.equal(await cache.has(KEY(token)), false);
  });
}

test("an absolute limit ends it however much it is used", async () => {
  let now = 1_000_000;
  const clock = () => now;
  const cache = new MemoryCache({ clock });
  const sessions = new SessionStore(cache, { ttl: 60, absoluteLimit: "90s", clock });
  const token = await sessions.create("Ada");
  assert.match(token, /^[0-9a-f]{64}-1090000$/);
  now += 50_000;
  assert.equal(await sessions.get(token), "Ada");
  assert.equal(cache.ttl(KEY(token)), 40, "not beyond the end");
  const [random] = token.split("-");
  for (const forged of [random, `${random}-9999999999`, `${random}-01090000`]) {
    assert.equal(await sessions.get(forged), undefined, forged);
  }
  now += 39_000;
  assert.equal(await sessions.update(token, "Bo"), true);
  assert.equal(cache.ttl(KEY(token)), 1);
  now += 1_000;
  assert.equal(await sessions.get(token), undefined);
  const short = await new SessionStore(cache, { ttl: 60, absoluteLimit: 10, clock }).create("Ada");
  assert.equal(cache.ttl(KEY(short)), 10);
});

test("tokens are long, random and plain", async () => {
  const sessions = new SessionStore(new MemoryCache(), { ttl: 60 });
  const tokens = new Set();
  for (let at = 0; at < 1000; at++) {
    tokens.add(await sessions.create(at));
  }
  assert.equal(tokens.size, 1000);
  for (let place = 0; place < 64; place++) {
    assert.equal(new Set([...tokens].map((token) => token[place])).size, 16, `place ${place}`);
  }
  assert.ok([...tokens].every((token) => /^[0-9a-f]{64}$/.test(token)));
});

test("a text that is not a token is not looked up", async () => {
  const asked = () => assert.fail("it was asked");
  const provider = { set: asked, delete: asked, getAndTouch: asked, replace: asked };
  const sessions = new SessionStore(provider, { ttl: 60 });
  const good = "a".repeat(64);
  for (const token of [
    "",
    "*",
    "abc",
    good.slice(1),
    `${good}a`,
    `${good}-`,
    `${good}-x`,
    `A${good.slice(1)}`,
    `${good}\n`,
  ]) {
    assert.equal(await sessions.get(token), undefined, token);
    assert.equal(await sessions.update(token, 1), false, token);
    assert.equal(await sessions.destroy(token), false, token);
  }
  await assert.rejects(sessions.get(good), /it was asked/);
  await assert.rejects(sessions.get(undefined), TypeError);
});

test("errors do not contain a token", async () => {
  const foreign = await startForeign();
  try {
    const cache = new HttpCache({ url: foreign.url, token: foreign.token, retries: 0, timeout: "5m" });
    const sessions = new SessionStore(cache, { ttl: 60 });
    const token = "0123456789abcdef".repeat(4);
    foreign.respond = (_, body) => ({ status: 400, answer: { error: `ERR something about ${body}` } });
    const calls = [() => sessions.get(token), () => sessions.update(token, 1), () => sessions.destroy(token)];
    for (const call of calls) {
      await assert.rejects(call(), (error) => {
        assert.ok(error instanceof CacheError && error.code === "protocol", inspect(error));
        assert.ok(!inspect(error, { showHidden: true }).includes("0123456"), inspect(error));
        return true;
      });
    }
    await assert.rejects(
      sessions.create(1),
      (error) => !/[0-9a-f]{12}/.test(inspect(error).replace(/\n\s+at .*/g, "")),
    );
    // A value that cannot be stored is still the caller's mistake.
    await assert.rejects(
      sessions.update(token, 1n),
      (error) => error instanceof TypeError && !inspect(error).includes("0123"),
    );
  } finally {
    await foreign.close();
  }
});

test("arguments out of range are refused by name", () => {
  const cache = new MemoryCache();
  for (const options of [undefined, {}, { ttl: 0 }, { ttl: null }, { ttl: Infinity }, { ttl: 60, absoluteLimit: -1 }]) {
    assert.throws(() => new SessionStore(cache, options), /^(Type|Range)Error: isocache: /, inspect(options));
  }
  assert.throws(() => new SessionStore(cache, { ttl: 60, sliding: true }), /unknown option "sliding"/);
  assert.throws(() => new SessionStore({}, { ttl: 60 }), /provider has no method/);
});
