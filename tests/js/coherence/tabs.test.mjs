// Tabs of one origin in a real Chromium: they share one stream of changed keys, which goes to another tab when the one that holds
// it is closed or frozen.

import assert from "node:assert/strict";
import { after, before, beforeEach, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { HttpCache } from "isocache";
import { serveBridge } from "../../support/bridge.mjs";
import { eventually, LIMIT } from "../../support/waiting.mjs";
import { startBrowser } from "../support/browser.mjs";
import { serve } from "../support/server.mjs";
import { calm } from "./support.mjs";

const TOKEN = "token-of-the-tabs-0123456789";
const TOKENS = `
[[token]]
name = "all"
token-env = "TABS_TOKEN"
role = "admin"
`;

describe("tabs", () => {
  /** One with heartbeats that only a hang misses, and one with quick ones, for tabs that are to miss them. */
  let bridges;
  let pages;
  let browser;
  let context;
  before(async () => {
    pages = await serve({
      folders: { "dist/": fileURLToPath(new URL("../../../pkg/dist", import.meta.url)) },
      pages: { "/": '<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,">' },
    });
    bridges = {};
    for (const [name, heartbeat] of [["calm"], ["quick", "500ms"]]) {
      const args = [...calm(TOKENS, heartbeat), "--allow-origin", pages.url];
      const { server, url } = await serveBridge(args, { env: { ...process.env, TABS_TOKEN: TOKEN } });
      const writer = new HttpCache({ url, token: TOKEN, timeout: "5m" });
      bridges[name] = { server, url, writer };
    }
    browser = await startBrowser();
  });
  after(async () => {
    await browser?.close();
    for (const { writer, server } of Object.values(bridges ?? {})) {
      await writer.close();
      await server.kill();
    }
    await pages?.close();
  });
  beforeEach(async () => {
    await context?.close();
    context = await browser.newContext();
    context.setDefaultTimeout(LIMIT);
    await Promise.all(Object.values(bridges).map((bridge) => readers(bridge, 0)));
  });

  /** A tab with tiers that are ready. */
  async function openTab(bridge) {
    const page = await context.newPage();
    await page.goto(`${pages.url}/`);
    await page.evaluate(
      async ([url, token]) => {
        const { HttpCache, TieredCache } = await import("/dist/index.js");
        window.tiers = new TieredCache({ far: new HttpCache({ url, token, timeout: "5m" }) });
        await window.tiers.ready("5m");
      },
      [bridge.url, TOKEN],
    );
    /** The id that the browser gives it. */
    const id = await page.evaluate(() =>
      navigator.locks.request(`${Math.random()}`, async ({ name }) => {
        const { held } = await navigator.locks.query();
        return held.find((lock) => lock.name === name).clientId;
      }),
    );
    return {
      page,
      id,
      set: (key, value) => page.evaluate(([key, value]) => window.tiers.set(key, value, "1h"), [key, value]),
      get: (key) => page.evaluate((key) => window.tiers.get(key), key),
      /** The copy under a key, without a request. */
      copy: (key) =>
        page.evaluate((key) => {
          const found = window.tiers.get(key);
          return found instanceof Promise ? undefined : found;
        }, key),
      /** The same, as soon as copies are served. */
      served: (key) =>
        eventually("the link", () =>
          page.evaluate((key) => {
            if (window.tiers.tierStats().link !== "connected") {
              return undefined;
            }
            const found = window.tiers.get(key);
            return found instanceof Promise ? "no copy" : found;
          }, key),
        ),
      stats: () => page.evaluate(() => window.tiers.tierStats()),
    };
  }

  /** Waits until the bridge has this many streams. */
  const readers = (bridge, wanted) =>
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
    const [one, two] = [await openTab(bridges.calm), await openTab(bridges.calm)];
    await readers(bridges.calm, 1);
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
    const { calm: bridge } = bridges;
    const [one, two] = [await openTab(bridge), await openTab(bridge)];
    await bridge.writer.set("b", 1, "1h");
    await kept(two, "b", 1);
    const { resets } = await two.stats();
    await one.page.close();
    await eventually("another leader", async () => (await holder(two.page)) === two.id || undefined);
    await readers(bridge, 1);
    assert.equal(await two.served("b"), 1, "its copies are good still");
    await bridge.writer.set("b", 2, "1h");
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
      const { quick: bridge } = bridges;
      const tabs = [await openTab(bridge), await openTab(bridge)];
      await bridge.writer.set("c", 1, "1h");
      for (const tab of tabs) {
        await kept(tab, "c", 1);
      }
      // On a slow machine, the lead may pass to the other tab before this one stops.
      const [one, two, client] = await eventually("the leader to stop", async () => {
        const leader = await holder(tabs[0].page);
        const [first, other] = tabs[0].id === leader ? tabs : tabs.toReversed();
        const session = await context.newCDPSession(first.page);
        await stop(session);
        if (what === "frozen" || (await holder(other.page)) === first.id) {
          return [first, other, session];
        }
        await go(session);
        await session.detach();
        return undefined;
      });
      await bridge.writer.set("c", 2, "1h");
      await eventually("the new value", async () => ((await two.get("c")) === 2 ? true : undefined));
      if (what === "stopped") {
        await eventually("another leader", async () => ((await holder(two.page)) === one.id ? undefined : true));
      }
      await eventually("the link", async () => (await two.stats()).link === "connected" || undefined);
      await bridge.writer.set("c", 3, "1h");
      await eventually("the newer value", async () => ((await two.get("c")) === 3 ? true : undefined));
      await go(client);
      await client.detach();
      assert.equal(await one.get("c"), 3);
      await eventually("the link", async () => (await one.stats()).link === "connected" || undefined);
      await readers(bridge, 1);
      await kept(one, "c", 3);
      await bridge.writer.set("c", 4, "1h");
      await dropped(one, "c");
      assert.equal(await one.get("c"), 4);
    });
  }
});
