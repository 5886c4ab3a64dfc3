// Environments that lack a part of the platform: what does not need it works, and what does says so.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { packed, run } from "./support.mjs";

describe("without", () => {
  let pack;
  let project;

  before(async () => {
    pack = await packed();
    project = await pack.project("missing", {});
  });
  after(() => pack?.remove());

  /** What a program returns that runs after these globals were removed. */
  async function result(removed, program, flags = []) {
    const text = `
      for (const name of ${JSON.stringify(removed)}) delete globalThis[name];
      const isocache = require("isocache");
      const msgpack = require("isocache/msgpack");
      (async () => { ${program} })().then((value) => console.log(JSON.stringify(value)));`;
    return JSON.parse(await run(process.execPath, [...flags, "--eval", text], project));
  }
  const LOAD = `
    const cache = new isocache.Cache();
    return [await cache.getOrSet("a", async () => 1), await cache.get("a")];`;
  const PACK = `
    const { serialize, deserialize } = msgpack.messagePackSerializer;
    const value = { short: "é😀", long: "é😀".repeat(500), bytes: [0, 255] };
    return JSON.stringify(deserialize(serialize(value))) === JSON.stringify(value);`;
  const SESSION = `
    const sessions = new isocache.SessionStore(new isocache.MemoryCache(), { ttl: "1m" });
    return sessions.get(await sessions.create(1)).catch(({ message }) => message);`;
  // Nothing listens on the port 9, so that a tier tries to connect for as long as this waits.
  const TIER = `
    const cache = new isocache.TieredCache({ far: new isocache.HttpCache({ url: "http://127.0.0.1:9", retries: 0 }) });
    const error = await Promise.resolve(cache.get("a")).catch((error) => error);
    await cache.ready("1s").catch(() => undefined);
    await cache.close();
    return error instanceof Error;`;

  test("performance, values are loaded", async () => {
    assert.deepEqual(await result(["performance"], LOAD), [1, 1]);
  });

  test("TextEncoder and TextDecoder, MessagePack works", async () => {
    assert.equal(await result(["TextEncoder", "TextDecoder"], PACK), true);
  });

  test("the global crypto, sessions have that of Node", async () => {
    assert.equal(await result(["crypto"], SESSION), 1);
  });

  test("any crypto, sessions say so, and tiers work", async () => {
    const none = "delete process.getBuiltinModule; Object.defineProperty(process, 'getBuiltinModule', {});";
    assert.match(
      await result(["crypto"], `${none} try { ${SESSION} } catch ({ message }) { return message; }`),
      /^isocache: .*crypto\.getRandomValues/,
    );
    assert.equal(await result(["crypto"], none + TIER), true);
  });

  test("URL, the error does not speak of the url", async () => {
    const make = "try { new isocache.HttpCache({ url: 'https://a' }) } catch ({ message }) { return message; }";
    assert.equal(await result(["URL"], make), "URL is not defined");
  });

  // Node's own fetch would end the process.
  test("WebAssembly, a tier fails as if there were no fetch", async () => {
    assert.equal(await result([], TIER, ["--jitless"]), true);
  });

  test("AbortController, a tier fails, and the process goes on", async () => {
    assert.equal(await result(["AbortController"], TIER), true);
  });

  test("streams and TextDecoder, as in React Native, a response is read", async () => {
    const get = `
      const text = '[{"result":"[1]"}]';
      const headers = { get: (name) => (name === "content-type" ? "application/json" : null) };
      const fetch = async () => ({ status: 200, headers, type: "default", text: async () => text });
      return new isocache.HttpCache({ url: "http://127.0.0.1:9", fetch }).get("a");`;
    assert.deepEqual(await result(["TextDecoder"], get), [1]);
  });
});
