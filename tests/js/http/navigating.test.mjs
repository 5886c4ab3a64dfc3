// A page that goes away leaves no request behind.

import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { until } from "../../support/waiting.mjs";
import { newPage, startBrowser } from "../support/browser.mjs";
import { serve } from "../support/server.mjs";

describe("navigating away", () => {
  let pages;
  let silent;
  /** Requests that wait for an answer, which never comes. */
  let waiting = 0;
  let asked = 0;
  before(async () => {
    silent = createServer((request, response) => {
      if (request.method === "OPTIONS") {
        const allowed = { "access-control-allow-origin": "*", "access-control-allow-headers": "*" };
        response.writeHead(204, allowed).end();
        return;
      }
      asked++;
      waiting++;
      response.on("close", () => waiting--);
    });
    silent.listen(0, "127.0.0.1");
    await once(silent, "listening");
    pages = await serve({
      folders: { "dist/": fileURLToPath(new URL("../../../pkg/dist", import.meta.url)) },
      pages: {
        "/favicon.ico": "",
        "/elsewhere": "<!doctype html><title>elsewhere</title>",
        "/": `<!doctype html><script type="module">
          import { HttpCache } from "/dist/http.js";
          const cache = new HttpCache({ url: "http://127.0.0.1:${silent.address().port}", timeout: "10m", retries: 0 });
          cache.get("k").catch(() => {});
        </script>`,
      },
    });
  });
  after(async () => {
    silent?.closeAllConnections();
    silent?.close();
    await pages?.close();
  });

  test("ends what was asked", async () => {
    const browser = await startBrowser();
    try {
      const page = await newPage(browser);
      await page.goto(`${pages.url}/`);
      await until(() => waiting === 1);
      await page.goto(`${pages.url}/elsewhere`);
      await until(() => waiting === 0);
    } finally {
      await browser.close();
    }
    assert.equal(asked, 1, "a page that is gone repeats nothing");
  });
});
