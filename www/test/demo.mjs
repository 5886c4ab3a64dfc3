// Starts the demo's server and a browser for the tests, and reads what the page shows.

import { fileURLToPath } from "node:url";
import { start } from "../../tests/support/processes.mjs";
import { LIMIT } from "../../tests/support/waiting.mjs";

export { startBrowser } from "../../tests/js/support/browser.mjs";

const SERVE = fileURLToPath(new URL("../../scripts/demo.sh", import.meta.url));

/** Starts the demonstration with the given environment; gives the address and a way to stop it. */
export async function startServer(env = { PORT: "0" }) {
  const server = start(SERVE, [], { env: { ...process.env, ...env } });
  try {
    const line = await server.said(/^(isocache: listening on .*)/);
    return { line, url: `${line.replace(/^isocache: listening on /, "")}/`, stop: server.stop };
  } catch (error) {
    await server.kill();
    throw error;
  }
}

/** Opens the page. `problems` collects what the console and the network complain about, violations of the policy too. */
export async function openPage(browser, url, { context: options = {}, before = async () => {} } = {}) {
  const context = await browser.newContext(options);
  context.setDefaultTimeout(LIMIT);
  const page = await context.newPage();
  const problems = [];
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type())) {
      problems.push(message.text());
    }
  });
  page.on("pageerror", (error) => problems.push(String(error)));
  page.on("response", (response) => {
    if (response.status() >= 400) {
      problems.push(`${response.status()} ${response.url()}`);
    }
  });
  await before(page);
  await page.goto(url);
  await page.getByRole("status").filter({ hasText: "The cache is new and empty" }).waitFor({ state: "attached" });
  return { page, problems, close: () => context.close() };
}

/** Fills fields by their ids. */
export async function choose(page, { kind, unit, ...fields }) {
  if (kind) {
    await page.getByRole("radio", { name: kind }).check();
  }
  if (unit) {
    await page.locator("#unit").selectOption(unit);
  }
  for (const [id, value] of Object.entries(fields)) {
    await page.locator(`#${id}`).fill(String(value));
  }
}

/** Waits until the page says how a replay ended, and gives what it shows. */
export async function ended(page) {
  await page.locator("#status", { hasText: /^(Replayed|Stopped)/ }).waitFor({ state: "attached" });
  return shown(page);
}

export async function replay(page) {
  await page.getByRole("button", { name: "Replay" }).click();
  return ended(page);
}

/** The numbers that the page shows. */
export async function shown(page) {
  const text = (id) => page.locator(`#${id}`).textContent();
  const number = async (id) => Number((await text(id)).replaceAll(",", ""));
  return {
    hits: await number("hits"),
    misses: await number("misses"),
    evictions: await number("evictions"),
    expirations: await number("expirations"),
    done: await number("done"),
    ratio: await text("hit-ratio"),
    status: await text("status"),
  };
}

/** Drops a file onto the page, as a person does with the mouse; with `others`, names and texts, several at once. */
export async function drop(page, name, text, onto = "body", others = []) {
  const dataTransfer = await page.evaluateHandle(
    (files) => {
      const transfer = new DataTransfer();
      for (const [name, text] of files) {
        transfer.items.add(new File([text], name));
      }
      return transfer;
    },
    [[name, text], ...others],
  );
  await page.dispatchEvent(onto, "dragover", { dataTransfer });
  await page.dispatchEvent(onto, "drop", { dataTransfer });
}

/** The last answer to a command by hand. */
export async function answerTo(page, call) {
  const first = page.locator("#answers li").first();
  await first.filter({ hasText: call }).waitFor();
  return first.locator(".answer").textContent();
}
