// The example page, as it is, in Chromium, with its own server and a real bridge.

import assert from "node:assert/strict";
import { createHmac, randomBytes } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { PATIENT, program } from "../../support/bridge.mjs";
import { start } from "../../support/processes.mjs";
import { send } from "../bridge/support/http.mjs";
import { newPage, patient, startBrowser } from "../support/browser.mjs";
import { reserve } from "../support/server.mjs";

const EXAMPLE = fileURLToPath(new URL("../../../examples/browser/", import.meta.url));
const SIGNING_KEY = randomBytes(32).toString("hex");
const ANOTHER_KEY = randomBytes(32).toString("hex");
const SERVER_TOKEN = randomBytes(32).toString("hex");

const folder = mkdtempSync(join(tmpdir(), "isocache-example-"));
let bridge;
let server;
let browser;
let origin;

before(async () => {
  // The bridge has to know the page's origin before the page is served.
  const port = await reserve();
  origin = `http://127.0.0.1:${port}`;
  const config = join(folder, "isocache.toml");
  const example = readFileSync(`${EXAMPLE}isocache.toml`, "utf8");
  const changed = example.replaceAll("http://127.0.0.1:3000", origin).replace("127.0.0.1:8079", "127.0.0.1:0");
  assert.equal(changed.match(/127\.0\.0\.1/g).length, 3);
  writeFileSync(config, `${changed}\n${PATIENT}`);

  const env = { ...process.env, ISOCACHE_SIGNING_KEY: SIGNING_KEY, ISOCACHE_SERVER_TOKEN: SERVER_TOKEN };
  bridge = start(program(), ["serve", "--config", config], { env });
  const url = await bridge.said(/^isocache: listening on (\S+)/);
  const own = { PORT: `${port}`, BRIDGE_URL: url, ISOCACHE_CONFIG: config, ISOCACHE_BIN: program() };
  server = start(process.execPath, [`${EXAMPLE}server.mjs`], { env: { ...env, ...own } });
  await server.said(/^(the page is at http:\S+)/);
  browser = await startBrowser();
});
after(async () => {
  await browser?.close();
  await server?.stop();
  await bridge?.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** Over a connection of its own: the server closes those that are idle. */
const get = (url, path, headers = {}) => send({ url }, path, { method: "GET", headers });

/** A token as the bridge reads it, which need not be valid. */
function signedToken(claims, secret = SIGNING_KEY) {
  const encoded = (text) => Buffer.from(text).toString("base64url");
  const signed = `iso1.${encoded(JSON.stringify({ kid: "browser", role: "read-only", origin, ...claims }))}`;
  return `${signed}.${createHmac("sha256", secret).update(signed).digest("base64url")}`;
}

/** Opens the page. `tokens` answer the first requests for one; the server answers those that follow. */
async function onPage(tokens, run) {
  const page = await newPage(browser);
  await page.addInitScript(patient);
  const seen = { tokens: 0, statuses: [], errors: [] };
  page.on("pageerror", ({ message }) => seen.errors.push(message));
  page.on("console", (message) => /Content.Security/.test(message.text()) && seen.errors.push(message.text()));
  page.on("response", (response) => {
    if (response.url().endsWith("/pipeline")) {
      seen.statuses.push(response.status());
    }
  });
  await page.route("**/token", (route) => {
    const token = tokens[seen.tokens++];
    return token === undefined ? route.continue() : route.fulfill({ body: token });
  });
  let answers = 0;
  const press = async (button, key) => {
    await page.getByLabel("Key").fill(key);
    await page.getByRole("button", { name: button }).click();
    return page.getByRole("listitem").nth(answers++).textContent();
  };
  try {
    await page.goto(origin);
    await run(press, seen);
    assert.deepEqual(seen.errors, []);
  } finally {
    await page.close();
  }
}

test("it reads what is the user's, and is refused everything else", () =>
  onPage([], async (press, seen) => {
    assert.equal(await press("Get", "user:42:profile"), 'get user:42:profile → {"name":"Ada"}');
    assert.equal(await press("Get", "user:42:cart"), 'get user:42:cart → ["tea","milk"]');
    assert.equal(await press("Get", "user:42:none"), "get user:42:none → undefined");
    assert.match(await press("Get", "user:4:profile"), /^get user:4:profile → refused: .*NOPERM/);
    assert.match(await press("Get", "user:421:profile"), /→ refused: .*NOPERM/);
    assert.match(await press("Set", "user:42:profile"), /^set user:42:profile → refused: .*NOPERM/);
    assert.equal(await press("Get", "user:42:profile"), 'get user:42:profile → {"name":"Ada"}');
    assert.equal(seen.tokens, 1);
  }));

test("an expired token, and one of a key that was replaced, are renewed behind the answer", async () => {
  const prefixes = ["user:42:"];
  const now = Math.floor(Date.now() / 1000);
  for (const token of [
    signedToken({ prefixes, exp: now - 1 }),
    signedToken({ prefixes, exp: now + 600 }, ANOTHER_KEY),
  ]) {
    await onPage([token], async (press, seen) => {
      assert.equal(await press("Get", "user:42:profile"), 'get user:42:profile → {"name":"Ada"}');
      assert.deepEqual(seen.statuses, [401, 200]);
      assert.equal(await press("Get", "user:42:cart"), 'get user:42:cart → ["tea","milk"]');
      assert.equal(seen.tokens, 2);
    });
  }
  // The signature of this test is one that the bridge takes.
  await onPage([signedToken({ prefixes, exp: now + 600 })], async (press, seen) => {
    assert.match(await press("Get", "user:42:profile"), /Ada/);
    assert.deepEqual([seen.tokens, seen.statuses], [1, [200]]);
  });
});

test("a second token that has expired as well is an error, not a third request", () => {
  const expired = signedToken({ prefixes: ["user:42:"], exp: 1 });
  return onPage([expired, expired], async (press, seen) => {
    assert.match(await press("Get", "user:42:profile"), /^get user:42:profile → refused: .*401/);
    assert.deepEqual([seen.tokens, seen.statuses], [2, [401, 401]]);
  });
});

test("a page of another origin cannot use the token", async () => {
  const { bytes: token } = await send({ url: origin }, "/token", { headers: {} });
  const { bytes: html } = await get(origin, "/");
  const [, url] = /data-bridge="([^"]+)"/.exec(html);
  const ask = async (from) => {
    const headers = { authorization: `Bearer ${token}`, origin: from };
    return (await get(url, "/get/user:42:profile", headers)).status;
  };
  assert.deepEqual([await ask(origin), await ask("http://evil.example")], [200, 401]);
});

test("the server serves its own files only", async () => {
  for (const path of ["/server.mjs", "/isocache.toml", "/isocache/..%2fpackage.json", "/isocache/none.js", "/token"]) {
    assert.notEqual((await get(origin, path)).status, 200, path);
  }
});
