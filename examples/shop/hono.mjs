// A bookshop in JavaScript. axum.rs is the same service in Rust; both share one bridge, and so their entries, their
// sessions and their limits.

import { readFile, writeFile } from "node:fs/promises";
import { serve } from "@hono/node-server";
import { getConnInfo } from "@hono/node-server/conninfo";
import { Hono } from "hono";
import { deleteCookie, getCookie, setCookie } from "hono/cookie";
import {
  Cache,
  CacheInvalidator,
  cached,
  HttpCache,
  MemoryCache,
  RateLimiter,
  rateLimitHeaders,
  SessionStore,
  Tagged,
} from "isocache";

const { BRIDGE_URL = "http://127.0.0.1:8079", BRIDGE_TIMEOUT = "1s", SHOP_TOKEN } = process.env;
const { BOOKS = "books.json", PORT = "3000" } = process.env;

// #region parts
// One connection to the bridge. Everything below that is shared with other processes goes through it.
const http = new HttpCache({ url: BRIDGE_URL, token: SHOP_TOKEN, namespace: "shop", timeout: BRIDGE_TIMEOUT });

const cache = new Cache({ provider: http });
const tagged = new Cache({ provider: new Tagged(http) });
const limiter = RateLimiter.tokenBucket(http, 5, "1h", { onStoreError: "allow" });
const sessions = new SessionStore(http, { ttl: "20m", absoluteLimit: "12h" });

// Small, needed by every request and the same for everybody: kept in this process alone.
const rates = new Cache({ provider: new MemoryCache({ maxEntries: 100 }), ttl: "1m" });
// #endregion parts

// #region reads
const getBook = cached((id) => database.book(id), {
  cache,
  key: "book:{0}",
  ttl: "5m",
  staleIfError: "1h", // an old price is better than none
  shouldCache: (book) => book !== null,
});

const getShelf = (name) =>
  tagged.getOrSet(`shelf:${encodeURIComponent(name)}`, () => database.shelf(name), {
    ttl: "1h",
    tags: ["shelves"],
    lease: "10s", // one process of all loads it
  });

const getRate = cached((currency) => database.rate(currency), { cache: rates, key: "rate:{0}" });
// #endregion reads

// #region writes
const books = new CacheInvalidator(cache).entity("book").key("book:{id}");

async function save(book) {
  await books.after(() => database.save(book), book.id);
  await tagged.invalidateTags(["shelves"]);
}
// #endregion writes

const app = new Hono();

app.get("/books/:id", async (context) => {
  const book = await getBook(Number(context.req.param("id")));
  if (book === null) {
    return context.json({ error: "no such book" }, 404);
  }
  const rate = await getRate(context.req.query("currency") ?? "EUR");
  return context.json({ ...book, price: book.price * rate });
});

app.get("/shelves/:name", async (context) => context.json(await getShelf(context.req.param("name"))));

// #region login
app.post("/login", async (context) => {
  const checked = await limiter.check(getConnInfo(context).remote.address, "/login");
  for (const [name, value] of rateLimitHeaders(checked, "login")) {
    context.header(name, value);
  }
  if (!checked.allowed) {
    return context.json({ error: "too many attempts" }, 429);
  }
  const { name } = await context.req.json(); // a real shop asks for a password
  const token = await sessions.create({ name });
  setCookie(context, "session", token, { httpOnly: true, secure: true, sameSite: "Lax", path: "/", maxAge: 12 * 3600 });
  return context.body(null, 204);
});

app.put("/books/:id", async (context) => {
  const user = await sessions.get(getCookie(context, "session") ?? "");
  if (user === undefined) {
    return context.json({ error: "sign in first" }, 401);
  }
  await save({ ...(await context.req.json()), id: Number(context.req.param("id")) });
  return context.body(null, 204);
});

app.post("/logout", async (context) => {
  await sessions.destroy(deleteCookie(context, "session") ?? "");
  return context.body(null, 204);
});
// #endregion login

/** A file stands for the database of both services. */
const stored = async () => JSON.parse(await readFile(BOOKS, "utf8"));

const database = {
  book: async (id) => (await stored()).find((book) => book.id === id) ?? null,
  shelf: async (name) => (await stored()).filter(({ shelf }) => shelf === name).map(({ title }) => title),
  rate: async (currency) => (currency === "USD" ? 1.25 : 1),
  async save(book) {
    const others = (await stored()).filter(({ id }) => id !== book.id);
    await writeFile(BOOKS, JSON.stringify([...others, book]));
  },
};

serve({ fetch: app.fetch, hostname: "127.0.0.1", port: Number(PORT) }, ({ port }) => {
  process.stdout.write(`shop: listening on http://127.0.0.1:${port}\n`);
});
