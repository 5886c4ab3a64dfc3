// The example of a service and a page, as they are: the service on a real Redis, the page in Chromium behind a real bridge.

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { PATIENT, program } from "../../support/bridge.mjs";
import { start } from "../../support/processes.mjs";
import { startRedis } from "../../support/redis.mjs";
import { eventually } from "../../support/waiting.mjs";
import { newPage, patient, startBrowser } from "../support/browser.mjs";
import { reserve } from "../support/server.mjs";

const ROOT = fileURLToPath(new URL("../../../", import.meta.url));
const SERVICE = `${ROOT}target/debug/examples/user_service`;
const folder = mkdtempSync(join(tmpdir(), "isocache-example-"));
let redis;
let bridge;
let service;
let browser;
let origin;

before(async () => {
  assert.ok(existsSync(SERVICE), `no service at ${SERVICE}; \`make test-js\` builds it`);
  redis = await startRedis();
  // The bridge has to know the page's origin before the page is served.
  const port = await reserve();
  origin = `http://127.0.0.1:${port}`;
  const config = join(folder, "isocache.toml");
  const example = readFileSync(`${ROOT}examples/user_service/isocache.toml`, "utf8");
  const changed = example.replaceAll("http://127.0.0.1:3000", origin).replace("127.0.0.1:8079", "127.0.0.1:0");
  assert.equal(changed.match(/127\.0\.0\.1/g).length, 2);
  writeFileSync(config, `${changed}\n${PATIENT}`);

  const env = { ...process.env, ISOCACHE_PAGE_TOKEN: randomBytes(32).toString("hex") };
  bridge = start(program(), ["serve", "--config", config, "--store", redis.url], { env });
  const url = await bridge.said(/^isocache: listening on (\S+)/);
  const own = {
    ...{ PORT: `${port}`, BRIDGE_URL: url, REDIS_URL: redis.url, ISOCACHE_PACKAGE: `${ROOT}pkg/dist` },
    REDIS_TIMEOUT_SECONDS: "300",
  };
  service = start(SERVICE, [], { env: { ...env, ...own } });
  await service.said(/^(the page is at http:\S+)/);
  browser = await startBrowser();
});
after(async () => {
  await browser?.close();
  await service?.stop();
  await bridge?.stop();
  await redis?.close();
  rmSync(folder, { recursive: true, force: true });
});

test("what one has read, the other finds; what one has written or invalidated, the other sees", async () => {
  const page = await newPage(browser);
  await page.addInitScript(patient);
  const errors = [];
  page.on("pageerror", ({ message }) => errors.push(message));
  page.on("console", (message) => message.type() === "error" && errors.push(message.text()));
  let answers = 0;
  let asked = 0;
  page.on("request", (request) => {
    asked += /\/users\/\d+$/.test(request.url()) && request.method() === "GET" ? 1 : 0;
  });
  const press = async (button, name) => {
    if (name !== undefined) {
      await page.getByLabel("Name").fill(name);
    }
    await page.getByRole("button", { name: button, exact: true }).click();
    return (await page.getByRole("listitem").nth(answers++).textContent()).replace(/^\w+ \d+ → /, "");
  };
  const inRedis = () => redis.cli("GET", "app:user:1");
  await page.goto(origin);
  assert.deepEqual(errors, []);

  assert.equal(await press("Rename", "Ada"), '"done"');
  // What the service has read, the page finds without asking it.
  assert.equal(await press("Read by the service"), '{"id":1,"name":"Ada"}');
  assert.equal(inRedis(), '{"id":1,"name":"Ada"}');
  assert.equal(await press("Read"), '{"id":1,"name":"Ada"}');
  assert.equal(asked, 1);

  // What the service has written, the page sees; and stores what it had to ask for.
  assert.equal(await press("Rename", "Bo"), '"done"');
  assert.equal(inRedis(), "");
  assert.equal(await press("Read"), '{"id":1,"name":"Bo"}');
  assert.equal(asked, 2);
  assert.equal(inRedis(), '{"id":1,"name":"Bo"}');
  assert.equal(await press("Read"), '{"id":1,"name":"Bo"}');
  assert.equal(asked, 2);

  // What is in the cache is the answer of both, until one invalidates it.
  redis.cli("SET", "app:user:1", '{"id":1,"name":"Old"}');
  redis.cli("SET", "app:user_list:0", "[]");
  assert.equal(await press("Read by the service"), '{"id":1,"name":"Old"}');
  assert.equal(await press("Read"), '{"id":1,"name":"Old"}');
  assert.equal(await press("Forget"), '{"entries":1,"lists":1}');
  // It has a copy, until it hears of that.
  const ofService = await eventually("another answer of the service", async () => {
    const answer = await press("Read by the service");
    return answer.includes("Old") ? undefined : answer;
  });
  assert.equal(ofService, '{"id":1,"name":"Bo"}');
  assert.equal(await press("Read"), '{"id":1,"name":"Bo"}');
  assert.deepEqual(errors, []);
  await page.close();
});
