// The example of a shop in two languages: both services as they are, on one bridge, which they share.

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { copyFileSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { PATIENT, program } from "../../support/bridge.mjs";
import { start, temporaryFolder } from "../../support/processes.mjs";
import { send } from "../bridge/support/http.mjs";

const ROOT = fileURLToPath(new URL("../../../", import.meta.url));
const EXAMPLE = join(ROOT, "examples/shop");
const AXUM = join(ROOT, "target/debug/examples/shop");
const processes = [];
let bridgeUrl;
let token;
let books;
/** Each with `ask`, which sends a request and returns its answer. */
let hono;
let axum;

before(async () => {
  assert.ok(existsSync(AXUM), `no service at ${AXUM}; \`make test-js\` builds it`);
  const folder = temporaryFolder();
  token = randomBytes(32).toString("hex");
  const config = join(folder, "isocache.toml");
  const example = readFileSync(join(EXAMPLE, "isocache.toml"), "utf8");
  writeFileSync(config, `${example.replace("127.0.0.1:8079", "127.0.0.1:0")}\n${PATIENT}`);
  books = join(folder, "books.json");
  copyFileSync(join(EXAMPLE, "books.json"), books);

  const common = { ...process.env, SHOP_TOKEN: token, BOOKS: books, PORT: "0" };
  const bridge = start(program(), ["serve", "--config", config], { env: common });
  processes.push(bridge);
  bridgeUrl = await bridge.said(/^isocache: listening on (\S+)/);
  const env = { ...common, BRIDGE_URL: bridgeUrl, BRIDGE_TIMEOUT: "300s" };
  hono = await service(process.execPath, [join(EXAMPLE, "hono.mjs")], env);
  axum = await service(AXUM, [], env);
});
after(async () => {
  for (const child of processes.reverse()) {
    await child.stop();
  }
});

async function service(command, args, env) {
  const child = start(command, args, { env });
  processes.push(child);
  const url = await child.said(/^shop: listening on (\S+)/);
  return {
    async ask(method, path, body, cookie) {
      const given = { ...(body && { "content-type": "application/json" }), ...(cookie && { cookie }) };
      const text = body && JSON.stringify(body);
      const { status, headers, bytes, json } = await send({ url }, path, { method, headers: given, body: text });
      const [set, ...attributes] = headers["set-cookie"]?.[0].split("; ") ?? [];
      return {
        status,
        body: json ?? `${bytes}`,
        cookie: set,
        attributes: attributes.sort().join("; "),
        retryAfter: headers["retry-after"],
      };
    },
  };
}

/** Changes the database without a word to the services, so that it shows who answers from the cache. */
function changeTitles(change) {
  const changed = JSON.parse(readFileSync(books, "utf8")).map((book) => ({ ...book, title: change(book.title) }));
  writeFileSync(books, JSON.stringify(changed));
}

test("what one service has loaded, the other finds", async () => {
  const book = { id: 7, title: "Middlemarch", shelf: "novels", price: 10 };
  assert.deepEqual((await hono.ask("GET", "/books/7")).body, book);
  assert.equal((await axum.ask("GET", "/books/8")).body.title, "Emma");
  assert.deepEqual((await axum.ask("GET", "/shelves/novels")).body, ["Middlemarch", "Emma"]);

  changeTitles((title) => title.toUpperCase());
  assert.deepEqual((await axum.ask("GET", "/books/7?currency=USD")).body, { ...book, price: 12.5 });
  assert.equal((await hono.ask("GET", "/books/8?currency=USD")).body.title, "Emma");
  for (const each of [hono, axum]) {
    assert.deepEqual((await each.ask("GET", "/shelves/novels")).body, ["Middlemarch", "Emma"]);
    assert.equal((await each.ask("GET", "/books/9")).status, 404);
  }
  changeTitles((title) => title[0] + title.slice(1).toLowerCase());
});

test("a session begun at one service is known at the other; a write at one invalidates for both", async () => {
  const body = { title: "Persuasion", shelf: "novels", price: 9 };
  assert.equal((await hono.ask("PUT", "/books/9", body)).status, 401);
  assert.equal((await axum.ask("PUT", "/books/9", body)).status, 401);

  const login = await hono.ask("POST", "/login", { name: "Ada" });
  assert.equal(login.status, 204);
  assert.equal(login.attributes, "HttpOnly; Max-Age=43200; Path=/; SameSite=Lax; Secure");
  assert.equal((await axum.ask("PUT", "/books/9", body, login.cookie)).status, 204);
  for (const each of [hono, axum]) {
    assert.deepEqual((await each.ask("GET", "/shelves/novels")).body, ["Middlemarch", "Emma", "Persuasion"]);
    assert.equal((await each.ask("GET", "/books/9")).body.price, 9);
  }

  assert.equal((await hono.ask("PUT", "/books/9", { ...body, price: 7 }, login.cookie)).status, 204);
  for (const each of [axum, hono]) {
    assert.equal((await each.ask("GET", "/books/9")).body.price, 7);
  }

  assert.equal((await axum.ask("POST", "/logout", undefined, login.cookie)).status, 204);
  for (const each of [hono, axum]) {
    assert.equal((await each.ask("PUT", "/books/9", body, login.cookie)).status, 401);
  }
});

test("the limit counts attempts at both services together", async () => {
  // One was made above.
  const statuses = [];
  let last;
  for (const each of [axum, hono, axum, hono, axum, hono]) {
    last = await each.ask("POST", "/login", { name: "Ada" });
    statuses.push(last.status);
  }
  assert.deepEqual(statuses, [204, 204, 204, 204, 429, 429]);
  // A token comes every twelve minutes, whatever the time of day.
  assert.ok(Number(last.retryAfter) > 0 && Number(last.retryAfter) <= 720, last.retryAfter);
  const other = await axum.ask("POST", "/login", { name: "Ada" });
  assert.ok(other.status === 429 && Number(other.retryAfter) > 0, other.retryAfter);
});

test("everything is under the prefix of the token", async () => {
  const keys = async (pattern) => {
    const response = await fetch(`${bridgeUrl}/scan/0/match/${pattern}/count/1000`, {
      headers: { authorization: `Bearer ${token}` },
    });
    const { result } = await response.json();
    return result[1].map((key) => key.split(":").slice(0, 2).join(":"));
  };
  assert.deepEqual([...new Set(await keys("*"))].sort(), [
    "shop:book",
    "shop:rate",
    "shop:session",
    "shop:shelf",
    "shop:tag",
  ]);
});
