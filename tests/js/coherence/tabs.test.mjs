// Tabs of one origin in a real Chromium: they share one stream of changed keys, which goes to another tab when the one that holds
// it is closed or frozen.

import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, beforeEach, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { HttpCache } from "isocache";
import { serveBridge } from "../../support/bridge.mjs";
import { temporaryFolder } from "../../support/processes.mjs";
import { eventually, LIMIT } from "../../support/waiting.mjs";
import { startBrowser } from "../support/browser.mjs";
import { serve } from "../support/server.mjs";

const TOKEN = "token-of-the-tabs-0123456789";
const CONFIG = `
[invalidations]
heartbeat = "500ms"

[[token]]
name = "all"
token-env = "TABS_TOKEN"
role = "admin"
`;

describe("tabs", () => {
  let bridge;
  let pages;
  let browser;
  let context;
  let writer;
  before(async () => {
    pages = await serve({
      folders: { "dist/": fileURLToPath(new URL("../../../pkg/dist", import.meta.url)) },
      pages: { "/": '<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,">' },
    });
    const config = join(temporaryFolder(), "isocache.toml");
    await writeFile(config, CONFIG);
    const args = ["--config", config, "--allow-origin", pages.url];
    bridge = await serveBridge(args, { env: { ...process.env, TABS_TOKEN: TOKEN } });
    writer = new HttpCache({ url: bridge.url, token: TOKEN });
    browser = await startBrowser();
  });
  after(async () => {
    await browser?.close();
    await writer?.close();
    await bridge?.server.kill();
    await pages?.close();
  });
  beforeEach(async () => {
    await context?.close();
    context = await browser.newContext();
    context.setDefaultTimeout(LIMIT);
    await readers(0);
  });

  /** A tab with tiers that are ready. */
  async function openTab() {
    const page = await context.newPage();
    await page.goto(`${pages.url}/`);
    await page.evaluate(
      async ([url, token]) => {
        const { HttpCache, TieredCache } = await import("/dist/index.js");
        window.tiers = new TieredCache({ far: new HttpCache({ url, token }) });
        await window.tiers.ready();
      },
      [bridge.url, TOKEN],
    );
    return {
      page,
      set: (key, value) => page.evaluate(([key, value]) => window.tiers.set(key, value, "5m"), [key, value]),
      get: (key) => page.evaluate((key) => window.tiers.get(key), key),
      /** The copy under a key, without a request. */
      copy: (key) =>
        page.evaluate((key) => {
          const found = window.tiers.get(key);
          return found instanceof Promise ? undefined : found;
        }, key),
      stats: () => page.evaluate(() => window.tiers.tierStats()),
    };
  }

  /** Waits until the bridge has this many streams. */
  const readers = (wanted) =>
    eventually(`${wanted} readers`, async () => {
      const response = await fetch(`${bridge.url}/metrics`, { headers: { authorization: `Bearer ${TOKEN}` } });
      const [, count] = /^isocache_invalidation_readers(?:\{[^}]*\})? (\d+)$/m.exec(await response.text());
      return Number(count) === wanted || undefined;
    });

  /** Which tab holds the stream, by the id that the browser gives it. */
  const holder = (page) => page.evaluate(async () => (await navigator.locks.query()).held[0]?.clientId);

  /** Waits until a tab has a copy. */
  const kept = (tab, key, value) =>
    eventually(`a copy of ${key}`, async () => {
      await tab.get(key);
      return (await tab.copy(key)) === value || undefined;
    });

  const dropped = (tab, key) =>
    eventually("the end of a copy", async () => ((await tab.copy(key)) ?? true) === true || undefined);

  test("share one stream, and drop each other's copies", async () => {
    const [one, two] = [await openTab(), await openTab()];
    await readers(1);
    await one.set("a", 1);
    await kept(two, "a", 1);
    await two.set("a", 2);
    await dropped(one, "a");
    assert.equal(await one.get("a"), 2);
    await kept(two, "a", 2);
    await one.set("a", 3);
    await dropped(two, "a");
    assert.equal(await two.get("a"), 3);
  });

  test("when the tab with the stream closes, another tab takes over", async () => {
    const [one, two] = [await openTab(), await openTab()];
    await kept(two, "b", await writer.set("b", 1, "5m").then(() => 1));
    const { resets } = await two.stats();
    await one.page.close();
    await eventually("the link", async () => (await two.stats()).link === "connected" || undefined);
    await readers(1);
    assert.equal(await two.copy("b"), 1, "its copies are good still");
    await writer.set("b", 2, "5m");
    await dropped(two, "b");
    assert.equal(await two.get("b"), 2);
    assert.equal((await two.stats()).resets, resets);
  });

  for (const [what, stop, go] of [
    // Chromium lets a frozen page read its stream and answer the others: it may go on leading.
    [
      "frozen",
      (client) => client.send("Page.setWebLifecycleState", { state: "frozen" }),
      (client) => client.send("Page.setWebLifecycleState", { state: "active" }),
    ],
    [
      "stopped",
      async (client) => {
        await client.send("Debugger.enable");
        const paused = new Promise((resolve) => client.once("Debugger.paused", resolve));
        // At the next heartbeat.
        await client.send("Debugger.pause");
        await paused;
      },
      (client) => client.send("Debugger.resume"),
    ],
  ]) {
    test(`when the tab with the stream is ${what}, others take over, and it serves no old copy afterwards`, async () => {
      const [one, two] = [await openTab(), await openTab()];
      await writer.set("c", 1, "5m");
      await kept(one, "c", 1);
      await kept(two, "c", 1);
      const leader = await holder(two.page);
      const client = await context.newCDPSession(one.page);
      await stop(client);
      await writer.set("c", 2, "5m");
      await eventually("the new value", async () => ((await two.get("c")) === 2 ? true : undefined));
      if (what === "stopped") {
        await eventually("another leader", async () => ((await holder(two.page)) === leader ? undefined : true));
      }
      await eventually("the link", async () => (await two.stats()).link === "connected" || undefined);
      await writer.set("c", 3, "5m");
      await eventually("the newer value", async () => ((await two.get("c")) === 3 ? true : undefined));
      await go(client);
      await client.detach();
      assert.equal(await one.get("c"), 3);
      await eventually("the link", async () => (await one.stats()).link === "connected" || undefined);
      await readers(1);
      await kept(one, "c", 3);
      await writer.set("c", 4, "5m");
      await dropped(one, "c");
      assert.equal(await one.get("c"), 4);
    });
  }
});
