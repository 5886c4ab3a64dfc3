// The part of the page that asks the bridge, in Chromium, against real bridges.

import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { reserve, serve } from "../../tests/js/support/server.mjs";
import { openPage, replay, startBrowser, startServer } from "./demo.mjs";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const SHOTS = join(ROOT, "test-results");

let server;
let browser;

before(async () => {
  mkdirSync(SHOTS, { recursive: true });
  server = await startServer();
  browser = await startBrowser();
});
after(async () => {
  await browser?.close();
  await server?.stop();
});

/**
 * Opens a page and uses it. Its time passes as that of the machine until a test stops it. `sent` counts what reaches the network: requests of the protocol, after the one that finds out
 * whether there is a bridge. `problems` may hold only what `expected` matches.
 */
async function onPage(use, { url = server.url, expected = /^$/, ...options } = {}) {
  const sent = { count: -1 };
  const { page, problems, close } = await openPage(browser, url, {
    ...options,
    before: async (page) => {
      await page.clock.install({ time: new Date("2026-11-22T12:00:00Z") });
      page.on("request", (request) => {
        sent.count += request.method() === "POST" ? 1 : 0;
      });
    },
  });
  try {
    await use(page, sent);
    assert.deepEqual(
      problems.filter((problem) => !expected.test(problem)),
      [],
    );
  } finally {
    await close();
  }
}

const connected = (page) => page.locator("#remote-state[data-state=connected]").waitFor();
/** From here on time passes only where the test lets it: no operation is late, and a breaker stays open as long as it likes. */
const stopTime = (page) => page.clock.pauseAt(new Date("2026-11-22T13:00:00Z"));
const press = (page, name) => page.getByRole("button", { name, exact: true }).click();
const choose = (page, name) => page.getByRole("radio", { name, exact: true }).check();
const text = (page, id) => page.locator(`#${id}`).textContent();

/** Empties what the pages have in the bridge, then starts with a new connection. */
async function fresh(page) {
  await connected(page);
  await stopTime(page);
  await press(page, "Clear entries");
  await page.locator("#remote-note", { hasText: /entries removed/ }).waitFor();
  await page.getByLabel("Send operations of one tick").uncheck();
  await page.getByLabel("Send operations of one tick").check();
}

/** One round, awaited to its end. */
async function round(page) {
  const before = Number(/^Round ([\d,]+)/.exec(await text(page, "round"))?.[1] ?? 0);
  await press(page, "One round");
  await page.locator("#round", { hasText: `Round ${before + 1}:` }).waitFor();
}

/** A round that fails, whose retries wait for the time of the page. */
async function failedRound(page, number) {
  await press(page, "One round");
  while (!(await text(page, "round")).startsWith(`Round ${number}:`)) {
    await page.clock.runFor(10);
  }
}

/** What the page has counted. */
async function counted(page) {
  const counts = {};
  for (const name of ["operations", "requests", "batch", "hits", "misses", "failed"]) {
    counts[name] = Number((await text(page, `remote-${name}`)).replaceAll(",", ""));
  }
  return counts;
}

const breaker = (page, state) => page.locator(`#breaker [data-state=${state}][aria-current]`).waitFor();
const cells = (page, row) => page.locator("#sent tr").nth(row).locator("td").allTextContents();

test("what is asked in one turn is one request, and the page shows what was in it", () =>
  onPage(async (page, sent) => {
    await fresh(page);
    const earlier = sent.count;
    await page.getByLabel("Gets at once").fill("100");
    await round(page);
    assert.deepEqual(await counted(page), {
      operations: 200,
      requests: 2,
      batch: 100,
      hits: 0,
      misses: 100,
      failed: 0,
    });
    await round(page);
    assert.deepEqual(await counted(page), {
      ...{ operations: 300, requests: 3, batch: 100 },
      ...{ hits: 100, misses: 100, failed: 0 },
    });
    assert.equal(sent.count - earlier, 3);
    assert.deepEqual((await cells(page, 0)).slice(0, 3), ["3", "100 GET", "200"]);
    assert.deepEqual((await cells(page, 1)).slice(0, 3), ["2", "100 SET", "200"]);
    assert.match((await cells(page, 0))[3], / ms$/);
    assert.match(await text(page, "latency"), / ms$/);
    await breaker(page, "closed");
    // The bridge has it.
    const stored = await (await fetch(`${server.url}get/page:key:7`)).json();
    assert.deepEqual(JSON.parse(stored.result), { key: "key:7" });
    assert.match(
      await page.locator("#outcomes").getAttribute("aria-label"),
      /last one: 100 hits, 0 misses, 0 failures/,
    );
  }));

test("without gathering each operation is a request", () =>
  onPage(async (page, sent) => {
    await fresh(page);
    await page.getByLabel("Send operations of one tick").uncheck();
    const earlier = sent.count;
    await page.getByLabel("Gets at once").fill("7");
    await round(page);
    assert.deepEqual(await counted(page), { operations: 14, requests: 14, batch: 1, hits: 0, misses: 7, failed: 0 });
    assert.equal(sent.count - earlier, 14);
  }));

test("a connection that is refused: the page goes on without requests, and comes back", () =>
  onPage(async (page, sent) => {
    await fresh(page);
    await round(page);
    await choose(page, "Refused");
    const earlier = sent.count;
    // The first round takes three attempts, the second finds the breaker open after two more.
    await failedRound(page, 2);
    await breaker(page, "closed");
    await failedRound(page, 3);
    await breaker(page, "open");
    const opened = await counted(page);
    assert.deepEqual([opened.requests, opened.failed], [7, 40]);
    assert.deepEqual((await cells(page, 0)).slice(0, 3), ["7", "20 GET", "no connection"]);
    for (let times = 0; times < 3; times++) {
      await round(page);
    }
    // Nothing is even tried.
    const now = await counted(page);
    assert.deepEqual([now.requests, now.failed], [7, 100]);
    assert.equal(sent.count, earlier);
    assert.match(await text(page, "breaker-text"), /nothing is sent/);
    assert.match(await page.locator("#outcomes").getAttribute("aria-label"), /0 hits, 0 misses, 20 failures/);

    // The connection alone does not close it; time and a probe do.
    await choose(page, "Works");
    await round(page);
    assert.equal((await counted(page)).requests, 7);
    await page.clock.fastForward(3000);
    await breaker(page, "half-open");
    await round(page);
    await breaker(page, "closed");
    assert.equal((await counted(page)).failed, now.failed + 20);
    assert.ok(sent.count > earlier);
  }));

test("a connection that is silent is given up after the second that an operation has", () =>
  onPage(async (page) => {
    await fresh(page);
    await choose(page, "No answer");
    await press(page, "One round");
    await page.clock.runFor(999);
    assert.equal(await text(page, "round"), "No round yet.");
    assert.equal((await counted(page)).failed, 0);
    await page.clock.runFor(2);
    await page.locator("#round", { hasText: "Round 1: 20 gets" }).waitFor();
    const { requests, failed } = await counted(page);
    assert.deepEqual([requests, failed], [1, 20]);
    assert.deepEqual((await cells(page, 0)).slice(0, 3), ["1", "20 GET", "given up"]);
  }));

test("traffic goes on by itself until it is stopped, also over a bridge that ends and comes back", async () => {
  const port = await reserve();
  let bridge = await startServer({ PORT: `${port}` });
  try {
    await onPage(
      async (page) => {
        await connected(page);
        await press(page, "Start traffic");
        await page.locator("#remote-hits", { hasText: /^[1-9]/ }).waitFor();
        await bridge.stop();
        await breaker(page, "open");
        const { failed } = await counted(page);
        assert.ok(failed > 0);
        await page.locator("#sent tr.failed").first().waitFor();
        bridge = await startServer({ PORT: `${port}` });
        await breaker(page, "closed");
        await page.locator("#sent tr").first().filter({ hasText: "200" }).waitFor();
        await press(page, "Stop traffic");
        await page.getByRole("button", { name: "One round" }).and(page.locator(":enabled")).waitFor();
      },
      { url: bridge.url, expected: /ERR_CONNECTION_|ERR_EMPTY_RESPONSE|ERR_SOCKET/ },
    );
  } finally {
    await bridge.stop();
  }
});

test("clearing removes what the page has stored, and nothing else", () =>
  onPage(async (page) => {
    await fetch(`${server.url}set/other/1`);
    await fresh(page);
    await round(page);
    await press(page, "Clear entries");
    await page.locator("#remote-note", { hasText: "20 entries removed." }).waitFor();
    assert.deepEqual(await (await fetch(`${server.url}get/other`)).json(), { result: "1" });
    assert.deepEqual(await (await fetch(`${server.url}exists/page:key:0`)).json(), { result: 0 });
  }));

test("a number that cannot be used is named, and nothing is asked", () =>
  onPage(async (page, sent) => {
    await connected(page);
    await stopTime(page);
    const field = page.getByLabel("Gets at once");
    for (const value of ["0", "1001", "1.5", ""]) {
      await field.fill(value);
      for (const button of ["One round", "Start traffic"]) {
        await press(page, button);
        await page.locator("#at-once[aria-invalid=true]").waitFor();
        assert.match(await text(page, "remote-note"), /from 1 to 1,000/);
      }
    }
    assert.equal(sent.count, 0);
    await field.fill("1");
    await round(page);
    assert.equal(await field.getAttribute("aria-invalid"), "false");
    assert.equal(await text(page, "remote-note"), "");
  }));

test("without a bridge the page says so, and the rest of it works", async () => {
  const folders = { "isocache/": join(ROOT, "pkg/dist"), "": join(ROOT, "www") };
  const plain = await serve({ folders });
  try {
    await onPage(
      async (page) => {
        await page.locator("#remote-state[data-state=none]").waitFor();
        assert.match(await text(page, "remote-state"), /^This page is not served by a bridge/);
        for (const name of ["Start traffic", "One round", "Clear entries"]) {
          assert.equal(await page.getByRole("button", { name, exact: true }).isDisabled(), true, name);
        }
        assert.equal((await replay(page)).done, 100_000);
      },
      { url: `${plain.url}/`, expected: /404|icon\.svg/ },
    );
  } finally {
    await plain.close();
  }
});

test("a bridge that asks for a token is told from none", async () => {
  const closed = await startServer({ PORT: "0", ISOCACHE_TOKEN: "a-token-that-the-page-does-not-have" });
  try {
    await onPage(
      async (page) => {
        await page.locator("#remote-state[data-state=none]").waitFor();
        assert.match(await text(page, "remote-state"), /requires a token/);
      },
      { url: closed.url, expected: /401/ },
    );
  } finally {
    await closed.stop();
  }
});

test("by keyboard alone, with names for everything", () =>
  onPage(async (page) => {
    await connected(page);
    await stopTime(page);
    const focused = () => page.evaluate(() => document.activeElement.id || document.activeElement.value);
    const tabTo = async (id) => {
      for (let presses = 0; presses < 20 && (await focused()) !== id; presses++) {
        await page.keyboard.press("Tab");
      }
      assert.equal(await focused(), id);
    };
    await page.locator("#at-once").focus();
    await tabTo("gather");
    await tabTo("works");
    await page.keyboard.press("ArrowRight");
    assert.equal(await focused(), "refuses");
    await page.keyboard.press("ArrowLeft");
    await tabTo("one-round");
    await page.keyboard.press("Enter");
    await page.locator("#round", { hasText: "Round 1:" }).waitFor();
    const unnamed = await page.evaluate(() =>
      [...document.querySelectorAll(".over-http :is(input, button, svg, section, ol, form)")]
        .filter((one) => !(one.labels?.length || one.textContent.trim() || one.ariaLabel))
        .map(({ outerHTML }) => outerHTML),
    );
    assert.deepEqual(unnamed, []);
  }));

test("wide and narrow: nothing sticks out, nothing moves", async () => {
  for (const [name, width, colorScheme] of [
    ["light", 1440, "light"],
    ["dark", 1440, "dark"],
    ["narrow", 360, "light"],
  ]) {
    await onPage(
      async (page) => {
        await connected(page);
        await stopTime(page);
        await page.locator(".over-http").scrollIntoViewIfNeeded();
        // Playwright's own scrolling is over, and what the person sees from now on stays where it is.
        await page.evaluate(() => {
          window.shifts = [];
          new PerformanceObserver((list) => {
            window.shifts.push(
              ...list
                .getEntries()
                .flatMap(({ sources }) => sources.map(({ node }) => node?.id || node?.className || node?.nodeName)),
            );
          }).observe({ type: "layout-shift" });
        });
        await round(page);
        await choose(page, "Refused");
        await failedRound(page, 2);
        await failedRound(page, 3);
        await page.clock.runFor(1000);
        await breaker(page, "open");
        assert.deepEqual(await page.evaluate(() => window.shifts), []);
        const [content, window] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
        assert.ok(content <= window, `${name}: ${content} px in ${window} px`);
        await page.screenshot({ path: join(SHOTS, `remote-${name}.png`), fullPage: true });
      },
      { context: { viewport: { width, height: 900 }, colorScheme } },
    );
  }
});
