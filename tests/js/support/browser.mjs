/** Headless Chromium: the one named by CHROMIUM, or the system's. */

import { existsSync } from "node:fs";
import { chromium } from "playwright-core";
import { temporaryFolder } from "../../support/processes.mjs";
import { eventually, LIMIT } from "../../support/waiting.mjs";

/** How Chromium is started: without anything that would look beyond this machine. */
export function launchOptions() {
  const executablePath = process.env.CHROMIUM ?? "/usr/bin/chromium";
  if (!existsSync(executablePath)) {
    throw new Error(`no Chromium at ${executablePath}; install it, or name another by CHROMIUM`);
  }
  return {
    executablePath,
    headless: true,
    timeout: LIMIT,
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--disable-dev-shm-usage",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
    ],
  };
}

/** A browser for pages in contexts of their own. */
export function startBrowser() {
  return chromium.launch(launchOptions());
}

/** A page in a context of its own. */
export async function newPage(browser) {
  const page = await browser.newPage();
  page.setDefaultTimeout(LIMIT);
  return page;
}

/**
 * For `page.addInitScript`: timers of `least` milliseconds and more take minutes. These are the limits of an example, which a
 * slow machine must not reach.
 */
export function patient(least = 1000) {
  const { setTimeout } = window;
  window.setTimeout = (run, ms, ...rest) => setTimeout(run, ms < least ? ms : 300 * ms, ...rest);
}

/** A browser with a profile of its own, into which its processes may still write when it is closed. */
export async function launch() {
  const context = await chromium.launchPersistentContext(temporaryFolder(), launchOptions());
  context.setDefaultTimeout(LIMIT);
  return {
    version: context.browser()?.version(),
    /**
     * Opens a page and waits until it has set `window.result`, a text of JSON, or an error was not caught. What its console
     * calls errors is returned beside the result. `limit` is for a page that does much.
     */
    async run(url, limit = LIMIT) {
      const page = await context.newPage();
      const errors = [];
      let failed = false;
      page.on("pageerror", ({ message }) => {
        failed = true;
        errors.push(message);
      });
      page.on("console", (message) => message.type() === "error" && errors.push(message.text()));
      try {
        await page.goto(url);
        const look = async () => {
          const result = await page.evaluate(() => window.result);
          return result !== undefined || failed ? { result: result && JSON.parse(result), errors } : undefined;
        };
        return await eventually(`a result from ${url}`, look, limit);
      } finally {
        await page.close();
      }
    },
    close: () => context.close(),
  };
}
