// The curves of a file of accesses, in Chromium: dropped or chosen, drawn by the simulation in WebAssembly.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { gzipSync } from "node:zlib";
import { drop, openPage, startBrowser, startServer } from "./demo.mjs";

let server;
let browser;

before(async () => {
  server = await startServer();
  browser = await startBrowser();
});

after(async () => {
  await browser?.close();
  await server?.stop();
});

async function onPage(act) {
  const { page, problems, close } = await openPage(browser, server.url);
  try {
    await act(page);
    assert.deepEqual(problems, []);
  } finally {
    await close();
  }
}

const state = (page, text) => page.locator("#curves-state", { hasText: text }).waitFor();
const KEYS = "a\nb\na\nc\nb\nd\na\nb\n";

test("a dropped file gets its curves, its knee and a size", () =>
  onPage(async (page) => {
    await drop(page, "keys.txt", KEYS);
    await state(page, "keys.txt: 8 requests for 4 keys, read as lines");
    assert.equal(await page.locator("#curves-chart svg polyline").count(), 6);
    assert.equal(await page.locator("#curves-chart svg circle").count(), 2);
    const advice = await page.locator("#curves-advice li").allTextContents();
    assert.match(advice[0], /^LRU: 4 entries, the smallest size within one point of the best \(50\.0 % of 50\.0 %\)$/);
    assert.match(advice[1], /^S3-FIFO: \d entries, /);
  }));

test("of several files, the page says which one it uses", () =>
  onPage(async (page) => {
    await drop(page, "first.txt", KEYS, "body", [["second.txt", "x\n"]]);
    await state(page, /^first\.txt: 8 requests .* It is the first of 2 files that were dropped/);
  }));

test("a log compressed with gzip, of which a line is unreadable", () =>
  onPage(async (page) => {
    const line = (path) => `::1 - - [10/Oct/2025:13:55:36 +0000] "GET ${path} HTTP/1.1" 200 2 "-" "-"\n`;
    // The replay reads no compressed files, and says so in its own place.
    const buffer = gzipSync(`${line("/a")}${line("/b")}broken\n${line("/a")}`);
    await page.getByRole("radio", { name: "File" }).check();
    await page.locator("#file").setInputFiles({ name: "access.log.gz", mimeType: "application/gzip", buffer });
    await state(page, "access.log.gz: 3 requests for 2 keys, read as log");
    await state(page, "1 line is not of the format log and left out");
  }));

test("where the key is not clear, the page says what to fill in, and uses it", () =>
  onPage(async (page) => {
    await drop(page, "requests.csv", "time,path\n1,/a\n2,/b\n3,/a\n");
    await state(page, "requests.csv: it looks like CSV, whose first row is time, path");
    assert.equal(await page.locator("#curves-chart svg").count(), 0);
    await page.locator("#curves-column").fill("path");
    await page.getByRole("button", { name: "Simulate again" }).click();
    await state(page, "requests.csv: 3 requests for 2 keys, read as csv");
    assert.equal(await page.locator("#curves-chart svg polyline").count(), 6);
  }));
