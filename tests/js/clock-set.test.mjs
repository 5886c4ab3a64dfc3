// The clock of the machine is set while entries live, and a program installs fake timers before it loads the package.

import assert from "node:assert/strict";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { run as runProcess } from "../support/processes.mjs";

/** Runs a program of its own, in which the package is not loaded yet. */
async function run(script) {
  const cwd = fileURLToPath(new URL(".", import.meta.url));
  return JSON.parse(await runProcess(process.execPath, ["--input-type=module", "-e", script], { cwd }));
}

/** Clocks as the platform has them, which the test moves: bound, so that they look native. */
const PLATFORM = `
  let [wall, elapsed] = [1_800_000_000_000, 50];
  Date.now = (() => wall).bind();
  performance.now = (() => elapsed).bind();
  const { MemoryCache } = await import("isocache");
  const cache = new MemoryCache();
  const seen = [];`;

for (const [what, by] of [
  ["back", -86_400_000],
  ["forward", 86_400_000],
]) {
  test(`the clock of the machine is set ${what} by a day: no ttl changes`, async () => {
    const seen = await run(`${PLATFORM}
      cache.set("a", 1, "10s");
      elapsed += 1000;
      wall += ${by};
      seen.push(cache.ttl("a"), cache.get("a"));
      cache.set("b", 2, "10s");
      wall -= ${by};
      seen.push(cache.ttl("b"));
      elapsed += 8999;
      seen.push(cache.get("a"), cache.get("b"));
      elapsed += 1;
      seen.push(cache.get("a") ?? null, cache.get("b"));
      console.log(JSON.stringify(seen));`);
    assert.deepEqual(seen, [9, 1, 10, 1, 2, null, 2]);
  });
}

test("fake timers at 0, installed before the package is loaded, are taken at their word", async () => {
  const seen = await run(`
    let now = 0;
    Date.now = () => now;
    const { MemoryCache } = await import("isocache");
    const cache = new MemoryCache();
    cache.set("a", 1, "1s");
    const seen = [cache.ttl("a")];
    now = 400;
    seen.push(cache.ttl("a"), cache.get("a"));
    now = 1000;
    seen.push(cache.get("a") ?? null, cache.size);
    console.log(JSON.stringify(seen));`);
  assert.deepEqual(seen, [1, 0.6, 1, null, 0]);
});

for (const [what, ttl, pause] of [
  ["a second", "500ms", 1000],
  ["a second, beside an entry with a long ttl", "900ms", 1000],
  ["fifty seconds", "49s", 50_000],
]) {
  test(`a synchronous pause of ${what}: no expired entry is found, and a new one is`, async () => {
    const seen = await run(`${PLATFORM}
      cache.set("long", 1, "1h");
      // The clock is busy now: readings are shared.
      for (let n = 0; n < 1000; n++) cache.get("long");
      cache.set("a", 1, ${JSON.stringify(ttl)});
      for (let n = 0; n < 70; n++) cache.get("long");
      elapsed += ${pause};
      seen.push(cache.get("a") ?? null, cache.has("a"), cache.get("long"));
      cache.set("b", 1, "100ms");
      seen.push(cache.ttl("b"), cache.get("b"));
      console.log(JSON.stringify(seen));`);
    assert.deepEqual(seen, [null, false, 1, 0.1, 1]);
  });
}

test("lookups that are awaited one by one share readings, until the turn of the event loop ends", async () => {
  const [reads, left] = await run(`${PLATFORM}
    let reads = 0;
    performance.now = (() => { reads++; return elapsed; }).bind();
    cache.set("a", 1, "1h");
    for (let n = 0; n < 1000; n++) await cache.get("a");
    const first = reads;
    await new Promise((resolve) => setImmediate(resolve));
    elapsed += 5000;
    cache.set("b", 1, "1h");
    elapsed += 1000;
    console.log(JSON.stringify([first, cache.ttl("b")]));`);
  assert.ok(reads < 200, `${reads} readings`);
  assert.equal(left, 3599);
});
