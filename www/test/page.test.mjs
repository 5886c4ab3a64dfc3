// The page, used as a person uses it, in Chromium.

import assert from "node:assert/strict";
import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { decompressed } from "../../tests/support/processes.mjs";
import { until } from "../../tests/support/waiting.mjs";
import { answerTo, choose, drop, ended, openPage, replay, shown, startBrowser, startServer } from "./demo.mjs";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const SHOTS = join(ROOT, "test-results");
const TRACE = join(process.env.ISOCACHE_TRACES ?? join(ROOT, "../shared/traces"), "web07.trace.xz");
/** Of the trace's reference: exact LRU, 1200 entries. */
const WEB07 = { hits: 39_314, requests: 76_118 };

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

/** Opens a page, uses it, and checks that nothing went wrong behind it. */
async function onPage(use, options) {
  const { page, problems, close } = await openPage(browser, server.url, options);
  try {
    await use(page);
    assert.deepEqual(problems, []);
  } finally {
    await close();
  }
}

const rank = (page, row) => page.locator("#entries tr").nth(row).locator("td.key").textContent();
const says = (page, id, text) => page.locator(`#${id}`, { hasText: text }).waitFor({ state: "attached" });

describe("a file", () => {
  test("of real requests gives the known hits", { skip: existsSync(TRACE) ? false : `no ${TRACE}` }, () =>
    onPage(async (page) => {
      const bytes = decompressed(TRACE);
      const keys = Array.from({ length: bytes.length / 4 }, (_, at) => bytes.readUInt32LE(4 * at));
      assert.equal(keys.length, WEB07.requests);
      await choose(page, { capacity: 1200, unit: "never" });
      await drop(page, "web07.txt", `${keys.join("\n")}\n`);
      await says(page, "file-state", "76,118 requests for 20,484 keys. Read as one key per line");
      const { hits, misses, ratio, done } = await replay(page);
      assert.deepEqual([hits, misses, done], [WEB07.hits, WEB07.requests - WEB07.hits, WEB07.requests]);
      assert.equal(ratio, `${((100 * WEB07.hits) / WEB07.requests).toFixed(2)}%`);
      await says(page, "entries-count", "first 200 of 1,200");
      // What it would hit at other sizes: the present one in the middle is what it has hit.
      assert.equal(await page.locator("#sizes path").count(), 2);
      const said = await page.locator("#sizes").getAttribute("aria-label");
      assert.match(said, /300 entries .*; 600 entries .*; 1200 entries 51\.65%, .*; 2400 entries .*; 4800 entries /);
      await page.screenshot({ path: join(SHOTS, "page-web07.png"), fullPage: true });
    }),
  );

  test("that is an access log is read as one", () =>
    onPage(async (page) => {
      const line = (path) => `10.0.0.1 - - [22/Nov/2026:10:00:00 +0000] "GET ${path} HTTP/1.1" 200 12`;
      await drop(page, "access.log", [line("/a"), line("/b"), line("/a"), "nonsense", line("/a?x=1")].join("\n"));
      await says(page, "file-state", "4 requests for 3 keys. Read as access log, common format");
      await says(page, "file-state", "1 line without a request was skipped, the first is line 4.");
      await choose(page, { unit: "never" });
      const { hits, misses } = await replay(page);
      assert.deepEqual([hits, misses], [1, 3]);
      assert.equal(await rank(page, 0), "/a?x=1");
    }));

  test("that cannot be used says why, and leaves what was there", () =>
    onPage(async (page) => {
      await drop(page, "good.txt", "a\nb\na\n");
      await says(page, "file-state", "good.txt: 3 requests for 2 keys");
      await replay(page);
      for (const [name, text, why] of [
        ["empty.txt", "", /^empty\.txt: the file is empty/],
        ["blank.txt", "\n \n\n", /^blank\.txt: there is no key in its 3 lines/],
        ["picture.png", "\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0", /^picture\.png: .*line/],
        ["long.txt", `ok\n${"k".repeat(70_000)}\n`, /^long\.txt: .*line 2/],
      ]) {
        await drop(page, name, text);
        await page.locator("#setup-error", { hasText: name }).waitFor();
        assert.match(await page.locator("#setup-error").textContent(), why);
        await says(page, "file-state", "good.txt: 3 requests for 2 keys");
      }
      const { hits, misses } = await shown(page);
      assert.deepEqual([hits, misses], [1, 2]);
    }));
});

test("the same seed gives the same numbers, another seed others", () =>
  onPage(async (page) => {
    const numbers = ({ hits, misses, evictions, expirations, ratio }) => [hits, misses, evictions, expirations, ratio];
    for (const kind of ["Zipf", "Mix"]) {
      await choose(page, { kind, unit: "never", capacity: 100, requests: 20_000, keys: 1000, seed: 7 });
      const first = numbers(await replay(page));
      assert.deepEqual(numbers(await replay(page)), first);
      assert.equal(first[0] + first[1], 20_000);
      await choose(page, { seed: 8 });
      assert.notDeepEqual(numbers(await replay(page)), first);
    }
    // A loop over more keys than the cache holds never hits; over fewer, it misses once for each.
    await choose(page, { kind: "Loop", capacity: 100, keys: 101, requests: 5000 });
    assert.equal((await replay(page)).hits, 0);
    await choose(page, { keys: 100 });
    assert.equal((await replay(page)).misses, 100);
  }));

test("a long replay runs in a worker, shows its progress, and can be stopped", () =>
  onPage(async (page) => {
    // Without a ttl: the clock of the machine goes on after the stop, and entries would expire before they are counted.
    await choose(page, { kind: "Zipf", unit: "never", requests: 50_000_000 });
    await page.getByRole("button", { name: "Replay" }).click();
    const stop = page.getByRole("button", { name: "Stop" });
    await stop.and(page.locator(":enabled")).waitFor();
    // By then, the cache is full on any machine. The page itself presses the button, since all may be done before the test hears
    // of the progress.
    const button = await stop.elementHandle();
    await page.waitForFunction((button) => {
      const isFull = document.querySelector("#progress").value > 500_000;
      if (isFull) {
        button.click();
      }
      return isFull;
    }, button);
    assert.equal(page.workers().length, 1);
    const { hits, misses, done, status } = await ended(page);
    assert.match(status, /^Stopped after [\d,]+ of 50,000,000 requests/);
    assert.ok(done > 0 && done < 50_000_000);
    assert.equal(hits + misses, done);
    await says(page, "progress-text", "stopped at");
    await says(page, "entries-count", "first 200 of 1,000");
    // The cache is still there, in the worker.
    await page.locator("#set-key").fill("by hand");
    await page.locator("#set-value").fill("1");
    await page.getByRole("button", { name: "Set" }).click();
    assert.equal(await answerTo(page, 'set("by hand"'), "stored");
    assert.equal(await rank(page, 0), "by hand");
    await page.getByRole("button", { name: "Empty cache" }).click();
    await page.locator("#status", { hasText: "new and empty" }).waitFor({ state: "attached" });
    await until(() => page.workers().length === 0);
  }));

test("a replay in the worker and one in the page count alike", () =>
  onPage(async (page) => {
    // The first 200,000 requests of both are the same; the last of the longer one is the only other.
    await choose(page, { kind: "Zipf", requests: 200_000 });
    const inPage = await replay(page);
    assert.equal(page.workers().length, 0);
    await choose(page, { requests: 200_001 });
    const inWorker = await replay(page);
    assert.equal(page.workers().length, 1);
    const more = [inWorker.hits - inPage.hits, inWorker.misses - inPage.misses];
    assert.deepEqual(more.sort(), [0, 1]);
    assert.equal(inWorker.done, 200_001);
  }));

test("in a replay time passes at the arrival rate, so lives end in it", () =>
  onPage(async (page) => {
    // At one request a second: a at 0 s, b at 1 s, a again at 2 s when its 1.5 s are over, and at 3 s while they are not.
    await choose(page, { ttl: "1.5", rate: 1 });
    await page.locator("#file").setInputFiles({
      name: "ages.txt",
      mimeType: "text/plain",
      buffer: Buffer.from("a\nb\na\na\n"),
    });
    await says(page, "file-state", "ages.txt: 4 requests for 2 keys");
    const { hits, misses, evictions } = await replay(page);
    assert.deepEqual([hits, misses, evictions], [1, 3, 0]);
  }));

test("by hand: get, set, delete, clear, and what goes wrong", () =>
  onPage(async (page) => {
    await choose(page, { unit: "never", capacity: 10 });
    await page.getByRole("button", { name: "Empty cache" }).click();
    await says(page, "caption", "An empty cache · 10 entries, no ttl");
    const set = async (key, value, ttl = "") => {
      await choose(page, { "set-key": key, "set-value": value, "set-ttl": ttl });
      await page.getByRole("button", { name: "Set" }).click();
      return answerTo(page, `set(${JSON.stringify(key)}`);
    };
    const ask = async (button, field, text, call) => {
      await page.locator(`#${field}`).fill(text);
      await page.getByRole("button", { name: button, exact: true }).click();
      return answerTo(page, `${call}(${JSON.stringify(text)}`);
    };
    assert.equal(await set("user:1", "<img src=x onerror=alert(1)>"), "stored");
    assert.equal(await set("user:2", "two", "never"), "stored");
    assert.equal(await ask("Get", "hand-key", "user:1", "get"), '"<img src=x onerror=alert(1)>"');
    assert.equal(await ask("Get", "hand-key", "none", "get"), "undefined, a miss");
    assert.deepEqual([await rank(page, 0), await rank(page, 1)], ["user:1", "user:2"]);
    assert.deepEqual([(await shown(page)).hits, (await shown(page)).misses], [1, 1]);
    assert.match(await set("user:3", "three", "soon"), /^TypeError: isocache: ttl must be/);
    assert.match(await set("user:3", "three", "0s"), /^RangeError: isocache: ttl must be greater than 0, not "0s"/);
    assert.match(await set("", "x"), /^RangeError: isocache: key ""/);
    assert.equal(await ask("Delete", "hand-key", "user:2", "delete"), "true");
    assert.equal(await ask("Clear", "pattern", "user:*", "clearPattern"), "1");
    assert.match(await ask("Clear", "pattern", "", "clearPattern"), /^RangeError: isocache: pattern/);
    await says(page, "entries-none", "The cache is empty.");
  }));

test("a setting out of range is named at its control, and the cache stays", () =>
  onPage(async (page) => {
    for (const [field, value] of [
      ["capacity", "0"],
      ["capacity", "1.5"],
      ["ttl", "0"],
      ["rate", "0"],
    ]) {
      const before = await page.locator(`#${field}`).inputValue();
      await choose(page, { [field]: value });
      await page.getByRole("button", { name: "Replay" }).click();
      await page.locator(`#${field}[aria-invalid=true]`).waitFor();
      assert.notEqual(await page.locator("#setup-error").textContent(), "");
      await choose(page, { [field]: before });
    }
    assert.equal((await replay(page)).done, 100_000);
  }));

test("an entry disappears when its TTL has passed", () =>
  onPage(
    async (page) => {
      await page.clock.pauseAt(new Date("2026-11-22T13:00:00Z"));
      await choose(page, { "set-key": "a", "set-value": "1", "set-ttl": "30s" });
      await page.getByRole("button", { name: "Set" }).click();
      await answerTo(page, 'set("a"');
      assert.equal(await page.locator("#entries tr").count(), 1);
      await page.clock.fastForward(29_000);
      assert.equal(await page.locator("#entries tr").count(), 1);
      await page.clock.fastForward(2_000);
      await says(page, "entries-none", "The cache is empty.");
      assert.equal((await shown(page)).expirations, 1);
    },
    { before: (page) => page.clock.install({ time: new Date("2026-11-22T12:00:00Z") }) },
  ));

test("a whole replay by keyboard alone", () =>
  onPage(async (page) => {
    const focused = () => page.evaluate(() => document.activeElement.id || document.activeElement.value);
    const tabTo = async (id) => {
      for (let presses = 0; presses < 40 && (await focused()) !== id; presses++) {
        await page.keyboard.press("Tab");
      }
      assert.equal(await focused(), id);
    };
    await tabTo("capacity");
    await page.keyboard.press("Control+A");
    await page.keyboard.type("500");
    await tabTo("zipf");
    await page.keyboard.press("ArrowRight");
    assert.equal(await focused(), "scan");
    await page.keyboard.press("ArrowRight");
    await tabTo("requests");
    await page.keyboard.press("Control+A");
    await page.keyboard.type("3000");
    await tabTo("replay");
    const outline = await page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle);
    assert.notEqual(outline, "none");
    await page.keyboard.press("Enter");
    assert.equal((await ended(page)).done, 3000);
  }));

/** Gathers in `window.shifts` every move of what was laid out. */
function watchShifts(page) {
  return page.addInitScript(() => {
    window.shifts = [];
    new PerformanceObserver((list) => {
      for (const { value, sources } of list.getEntries()) {
        window.shifts.push({ value, what: sources.map(({ node }) => node?.id || node?.className || node?.nodeName) });
      }
    }).observe({ type: "layout-shift", buffered: true });
  });
}

test("light, dark and narrow: nothing sticks out, nothing moves", async () => {
  for (const [name, width, colorScheme] of [
    ["light", 1440, "light"],
    ["dark", 1440, "dark"],
    ["narrow", 360, "dark"],
  ]) {
    await onPage(
      async (page) => {
        await replay(page);
        await choose(page, { kind: "File" });
        await choose(page, { kind: "Loop" });
        await choose(page, { kind: "Zipf" });
        assert.deepEqual(await page.evaluate(() => window.shifts), []);
        const [content, window] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
        assert.ok(content <= window, `${name}: ${content} px in ${window} px`);
        await page.screenshot({ path: join(SHOTS, `page-${name}.png`), fullPage: true });
      },
      { context: { viewport: { width, height: 900 }, colorScheme }, before: watchShifts },
    );
  }
});

describe("the server", () => {
  test("sends a policy that allows WebAssembly and the import map, and nothing else inline", async () => {
    const policy = (await fetch(server.url)).headers.get("content-security-policy");
    assert.match(policy, /^default-src 'self'; script-src 'self' 'wasm-unsafe-eval' 'sha256-[\w+/]{43}='; base-uri/);
    assert.doesNotMatch(policy, /unsafe-inline|'unsafe-eval'/);
  });

  test("falls back to a free port", async () => {
    const first = await startServer({ PORT: undefined });
    try {
      const second = await startServer({ PORT: undefined });
      try {
        assert.notEqual(first.url, second.url);
        assert.equal((await fetch(second.url)).status, 200);
      } finally {
        await second.stop();
      }
    } finally {
      await first.stop();
    }
  });

  test("refuses a port that is none", async () => {
    await assert.rejects(startServer({ PORT: "many" }), /ended with code 2/);
  });

  test("serves nothing from outside its two folders: what is no file is a command", async () => {
    for (const path of ["/../package.json", "/isocache/../package.json", "/%2e%2e/package.json", "/none"]) {
      const response = await fetch(new URL(path, server.url));
      assert.equal(response.status, 400, path);
      assert.match((await response.json()).error, /^ERR refused by the bridge/, path);
    }
  });

  test("is the bridge: what the page shows of files is in nobody's way", async () => {
    const ask = async (path) => (await fetch(new URL(path, server.url))).json();
    assert.deepEqual(await ask("/set/greeting/hello"), { result: "OK" });
    assert.deepEqual(await ask("/get/greeting"), { result: "hello" });
  });
});
