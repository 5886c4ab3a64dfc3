// The part of the page with two clients of one store, in Chromium, against the bridge that serves it.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { patient } from "../../tests/js/support/browser.mjs";
import { eventually } from "../../tests/support/waiting.mjs";
import { openPage, startBrowser, startServer } from "./demo.mjs";

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

test("a write in one client drops the copy in the other, and a line that was cut recovers", async () => {
  const { page, problems, close } = await openPage(browser, server.url, {
    // The limits of operations and of the start, not the pauses between attempts.
    before: (page) => page.addInitScript(patient, 10_000),
  });
  const [one, two] = ["#tiers-one", "#tiers-two"].map((id) => page.locator(id));
  const state = (client, key) => client.locator(".tier-row", { hasText: key }).locator(".tier-state");
  const press = (action, key, name) => page.getByRole("button", { name: `${action} ${key} in ${name}` }).click();
  try {
    await page.getByRole("button", { name: "Start the clients" }).click();
    for (const client of [one, two]) {
      await client.locator(".link", { hasText: "connected: copies are served" }).waitFor();
    }
    await press("Write", "price", "client A");
    await state(one, "price").filter({ hasText: "written here" }).waitFor();
    await page.locator("#tiers-store output", { hasText: "no. 1" }).waitFor();
    // Afterwards, nothing that is under way ends the copy.
    await two.locator(".counts", { hasText: "1 changes announced" }).waitFor();
    await press("Read", "price", "client B");
    await state(two, "price").filter({ hasText: "asked the store" }).waitFor();
    await eventually("an answer from memory", async () => {
      await press("Read", "price", "client B");
      return (await state(two, "price").textContent()) === "answered from memory" || undefined;
    });
    await press("Write", "price", "client A");
    await state(two, "price")
      .filter({ hasText: /^dropped after \d+\.\d ms$/ })
      .waitFor();
    assert.equal(await state(one, "price").textContent(), "written here", "the writer keeps its own");

    await press("Read", "price", "client B");
    await state(two, "price").filter({ hasText: "asked the store" }).waitFor();
    await page.getByLabel("Cut the line of client B").check();
    await two.locator(".link", { hasText: "copies are not served" }).waitFor();
    await press("Write", "price", "client A");
    await press("Read", "price", "client B");
    await state(two, "price").filter({ hasText: "failed: connection" }).waitFor();
    await page.getByLabel("Cut the line of client B").uncheck();
    await two.locator(".link", { hasText: "connected: copies are served" }).waitFor();
    await press("Read", "price", "client B");
    await two.locator("output", { hasText: "no. 3" }).waitFor();
    assert.deepEqual(problems, []);
  } finally {
    await close();
  }
});
