// Ten thousand operations leave nothing behind: no memory, no timer, nothing that keeps a process alive.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { run } from "../../support/processes.mjs";
import { newPage, startBrowser } from "../support/browser.mjs";
import { serve } from "../support/server.mjs";
import { nowhere } from "./support/faults.mjs";
import { startBridge, TOKEN } from "./support/servers.mjs";

const path = (name) => fileURLToPath(new URL(name, import.meta.url));
/** What the engine itself may keep: a leak of one small object an operation is more. */
const MOST_BYTES = 700_000;
/** The same where a pointer takes half the room. */
const MOST_BYTES_IN_CHROMIUM = 350_000;

describe("ten thousand operations", () => {
  let pages;
  let bridge;
  let given;
  before(async () => {
    const thousand = await readFile(path("support/thousand.mjs"), "utf8");
    const served = { "/thousand.mjs": thousand, "/": '<!doctype html><link rel="icon" href="data:,">' };
    pages = await serve({ folders: { "dist/": path("../../../pkg/dist") }, pages: served });
    bridge = await startBridge("--allow-origin", pages.url);
    given = { url: bridge.url, dead: await nowhere(), token: TOKEN };
    served["/worker.mjs"] = `
      import { withMemory, workload } from "/thousand.mjs";
      const { isocache, memory } = await withMemory(() => import("/dist/wasm.js"));
      const { thousand } = workload(isocache, ${JSON.stringify(given)});
      onmessage = async ({ data }) => {
        for (let at = 0; at < data; at++) {
          await thousand();
        }
        postMessage(memory.buffer.byteLength);
      };
      postMessage("ready");`;
  });
  after(async () => {
    await bridge?.close();
    await pages?.close();
  });

  for (const transport of ["Node's client", "fetch"]) {
    test(`Node, ${transport}`, async (t) => {
      const argument = JSON.stringify({ ...given, transport });
      const command = ["--expose-gc", path("support/leaks.mjs"), argument];
      const stdout = await run(process.execPath, command);
      const { grown, wasm, timers } = JSON.parse(stdout);
      t.diagnostic(`the heap has grown by ${grown} bytes`);
      assert.ok(grown < MOST_BYTES, `the heap has grown by ${grown} bytes`);
      assert.equal(wasm, 0, "the memory of the engine has grown");
      assert.equal(timers, 0);
    });
  }

  test("a worker in Chromium", async (t) => {
    const browser = await startBrowser();
    try {
      const page = await newPage(browser);
      await page.goto(pages.url);
      const inspect = await inspector(page);
      await page.evaluate(() => {
        window.worker = new Worker("/worker.mjs", { type: "module" });
        window.said = () => new Promise((resolve) => worker.addEventListener("message", resolve, { once: true }));
        return window.said();
      });
      /** Does this many thousands; returns what the heap and the engine hold then. */
      const after = async (thousands) => {
        const pages = await page.evaluate(async (count) => {
          const said = window.said();
          window.worker.postMessage(count);
          return (await said).data;
        }, thousands);
        for (let at = 0; at < 3; at++) {
          await inspect("HeapProfiler.collectGarbage");
        }
        return { pages, heap: (await inspect("Runtime.getHeapUsage")).usedSize };
      };
      const before = await after(5);
      const { pages: wasm, heap } = await after(10);
      t.diagnostic(`the heap has grown by ${heap - before.heap} bytes`);
      assert.ok(heap - before.heap < MOST_BYTES_IN_CHROMIUM, `the heap has grown by ${heap - before.heap} bytes`);
      assert.equal(wasm, before.pages, "the memory of the engine has grown");
    } finally {
      await browser.close();
    }
  });
});

/** Asks the next worker of the page by the protocol of its inspector. */
async function inspector(page) {
  const session = await page.context().newCDPSession(page);
  const worker = new Promise((resolve) => {
    session.once("Target.attachedToTarget", ({ sessionId }) => resolve(sessionId));
  });
  await session.send("Target.setAutoAttach", { autoAttach: true, waitForDebuggerOnStart: false });
  const waiting = new Map();
  session.on("Target.receivedMessageFromTarget", ({ message }) => {
    const { id, result, error } = JSON.parse(message);
    waiting.get(id)?.(error ? Promise.reject(new Error(error.message)) : result);
  });
  let asked = 0;
  return async (method) => {
    const id = ++asked;
    const answer = new Promise((resolve) => waiting.set(id, resolve));
    const message = JSON.stringify({ id, method });
    await session.send("Target.sendMessageToTarget", { message, sessionId: await worker });
    return answer;
  };
}
