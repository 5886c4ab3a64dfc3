// Tiers over a real bridge: what is written in one is dropped in the others, whatever becomes of the bridge and of the line.

import assert from "node:assert/strict";
import { after, afterEach, before, describe, test } from "node:test";
import { QueryClient } from "@tanstack/query-core";
import { Cache, HttpCache, HttpInvalidations, RateLimiter, SessionStore, Tagged, TieredCache } from "isocache";
import { program, serveBridge } from "../../support/bridge.mjs";
import { start } from "../../support/processes.mjs";
import { eventually, until } from "../../support/waiting.mjs";
import { startBridge, TOKEN } from "../http/support/servers.mjs";
import { reserve } from "../support/server.mjs";
import { calm, startLine, VALID_FOR } from "./support.mjs";

const open = new Set();

/** Tiers whose requests are counted. They are closed after the test. */
function tiersAt(url, { token = TOKEN, namespace, ...options } = {}) {
  const sent = [];
  const counted = (to, init) => {
    sent.push(new URL(to).pathname);
    return fetch(to, init);
  };
  const far = new HttpCache({ url, token, namespace, fetch: counted, breaker: false, timeout: "5m", retries: 0 });
  const tiers = new TieredCache({ far, ...options });
  open.add(tiers);
  return { tiers, far, sent };
}

afterEach(async () => {
  for (const tiers of open) {
    await tiers.close();
  }
  open.clear();
});

describe("over a bridge", () => {
  let bridge;
  before(async () => {
    bridge = await startBridge(...calm());
  });
  after(() => bridge?.close());

  test("a copy answers synchronously until another client writes", async () => {
    const [one, two] = [tiersAt(bridge.url), tiersAt(bridge.url)];
    await Promise.all([one.tiers.ready("5m"), two.tiers.ready("5m")]);
    await one.tiers.set("user:1", { name: "Ada" }, "1h");
    assert.deepEqual(await two.tiers.get("user:1"), { name: "Ada" });
    // The announcement of the write may have come after that.
    await until(() => !(two.tiers.get("user:1") instanceof Promise));
    assert.deepEqual(two.tiers.get("user:1"), { name: "Ada" }, "it is no promise");
    await one.tiers.set("user:1", { name: "Bo" }, "1h");
    await until(() => two.tiers.get("user:1") instanceof Promise);
    assert.deepEqual(await two.tiers.get("user:1"), { name: "Bo" });
  });

  test("the client that writes keeps a copy", async () => {
    const { tiers, sent } = tiersAt(bridge.url);
    await tiers.ready("5m");
    await tiers.set("own", 1, "1h");
    await until(() => tiers.tierStats().invalidations >= 1);
    const before = sent.length;
    assert.equal(tiers.get("own"), 1);
    assert.equal(sent.length, before);
    // What another object of this process writes is not its own.
    const http = new HttpCache({ url: bridge.url, token: TOKEN, timeout: "5m" });
    await http.set("own", 2);
    await until(() => tiers.get("own") instanceof Promise);
    assert.equal(await tiers.get("own"), 2);
    await http.close();
  });

  test("every method of a Cache works over it", async () => {
    const { tiers } = tiersAt(bridge.url, { namespace: "all" });
    const cache = new Cache({ provider: new Tagged(tiers) });
    let loads = 0;
    const load = () => cache.getOrSet("report", async () => ++loads, { ttl: "5m", tags: ["org:7"] });
    assert.equal(await load(), 1);
    assert.equal(await load(), 1);
    await cache.invalidateTags(["org:7"]);
    assert.equal(await load(), 2);
    assert.equal(await cache.getOrSet("fast", async () => 3, { ttl: "5m", lease: "5s", staleIfError: "1h" }), 3);
    const limiter = RateLimiter.fixedWindow(tiers, 2, "1d", { clock: () => 0 });
    assert.deepEqual(
      [await limiter.check("ip", "/"), await limiter.check("ip", "/"), await limiter.check("ip", "/")].map(
        ({ allowed }) => allowed,
      ),
      [true, true, false],
    );
    const sessions = new SessionStore(tiers, { ttl: "1h" });
    const token = await sessions.create({ user: 7 });
    assert.deepEqual(await sessions.get(token), { user: 7 });
  });

  test("a tagged hit costs no request", async () => {
    const { tiers, sent } = tiersAt(bridge.url, { namespace: "tagged" });
    await tiers.ready("5m");
    const cache = new Cache({ provider: new Tagged(tiers) });
    await cache.set("user:1", "Ada", { ttl: "5m", tags: ["org:1"] });
    await cache.get("user:1");
    const before = sent.length;
    assert.equal(await cache.get("user:1"), "Ada");
    assert.equal(sent.length, before);
    const other = new Cache({ provider: new Tagged(tiersAt(bridge.url, { namespace: "tagged" }).tiers) });
    await other.invalidateTags(["org:1"]);
    await eventually("the entry to be absent", async () =>
      (await cache.get("user:1")) === undefined ? true : undefined,
    );
  });

  test("an entry that expires in the bridge is no longer served", async () => {
    const { tiers } = tiersAt(bridge.url);
    await tiers.ready("5m");
    // A slow machine may come too late to see the copy.
    for (let ttl = 300; tiers.get("short") !== 1; ttl *= 2) {
      assert.ok(ttl < 300_000, "there is no copy");
      await tiers.set("short", 1, `${ttl}ms`);
    }
    await eventually("its end", async () => ((await tiers.get("short")) === undefined ? true : undefined));
  });

  test("polling: copies are never older than the interval", async () => {
    let now = 1_000_000;
    const { tiers, sent } = tiersAt(bridge.url, { invalidations: { checkInterval: "10s" }, clock: () => now });
    const polls = () => sent.filter((path) => path.endsWith("/invalidations")).length;
    await tiers.ready("5m");
    const writer = new HttpCache({ url: bridge.url, token: TOKEN, timeout: "5m" });
    await writer.set("polled", 1, "1h");
    assert.equal(await tiers.get("polled"), 1);
    assert.equal(tiers.get("polled"), 1);
    const before = polls();
    await writer.set("polled", 2, "1h");
    now += 10_001;
    // Many readers wait for one poll.
    assert.deepEqual(await Promise.all([tiers.get("polled"), tiers.get("polled"), tiers.get("polled")]), [2, 2, 2]);
    assert.equal(polls(), before + 1);
    // A poll that took long may have ended the copy.
    await eventually("a copy", async () => ((await tiers.get("polled")) === tiers.get("polled") ? true : undefined));
    assert.equal(tiers.get("polled"), 2);
    await writer.close();
  });

  test("announcements for a program of its own: TanStack Query", async () => {
    const http = new HttpCache({ url: bridge.url, token: TOKEN, namespace: "todo", timeout: "5m" });
    const queryClient = new QueryClient();
    const stop = follow(new HttpInvalidations(http), queryClient);
    try {
      const options = { queryKey: ["todo", "1"], queryFn: () => http.get("1"), staleTime: Infinity };
      await http.set("1", "write");
      assert.equal(await queryClient.fetchQuery(options), "write");
      await until(() => stop.isReady());
      await queryClient.fetchQuery(options);
      await http.set("1", "read");
      await until(() => queryClient.getQueryState(["todo", "1"])?.isInvalidated);
      assert.equal(await queryClient.fetchQuery(options), "read");
    } finally {
      stop();
      queryClient.clear();
      await http.close();
    }
  });

  /** Queries whose key is `["todo", key]` are loaded again when the entry changes. */
  function follow(invalidations, queryClient) {
    let isReady = false;
    const { close } = bound(
      invalidations.listen((event) => {
        isReady ||= event.type === "hello";
        if (event.type === "keys") {
          for (const key of event.keys) {
            queryClient.invalidateQueries({ queryKey: ["todo", key] });
          }
        } else if (event.type !== "heartbeat" && event.type !== "lost") {
          queryClient.invalidateQueries({ queryKey: ["todo"] });
        }
      }),
    );
    return Object.assign(close, { isReady: () => isReady });
  }
  const bound = (subscription) => ({ close: () => subscription.close() });

  test("the iteration ends with the stream", async () => {
    const http = new HttpCache({ url: bridge.url, token: TOKEN, timeout: "5m" });
    const events = new HttpInvalidations(http)[Symbol.asyncIterator]();
    assert.equal((await events.next()).value.type, "hello");
    await http.set("looped", 1);
    const { value } = await events.next();
    assert.deepEqual([value.type, value.keys], ["keys", ["looped"]]);
    await events.return();
    assert.deepEqual(await events.next(), { done: true, value: undefined });
    await http.close();
  });
});

test("two tenants: neither gets announcements of the other's keys", async () => {
  const token = (name) =>
    `\n[[token]]\nname = "${name}"\ntoken-env = "TOKEN_${name}"\nrole = "read-write"\nprefixes = ["${name}:"]\n`;
  const env = { ...process.env, TOKEN_one: "one".repeat(12), TOKEN_two: "two".repeat(12) };
  const { server, url } = await serveBridge(calm(token("one") + token("two")), { env });
  const seen = [];
  const subscriptions = ["one", "two"].map((name) => {
    const http = new HttpCache({ url, token: env[`TOKEN_${name}`], timeout: "5m" });
    return new HttpInvalidations(http).listen((event) => seen.push([name, event.type, ...(event.keys ?? [])]));
  });
  try {
    await until(() => seen.filter(([, type]) => type === "hello").length === 2);
    const [one, two] = ["one", "two"].map(
      (name) => tiersAt(url, { token: env[`TOKEN_${name}`], namespace: name }).tiers,
    );
    await Promise.all([one.ready("5m"), two.ready("5m")]);
    await one.set("secret", 1);
    await two.set("secret", 2);
    // If one got what is the other's, it would have got it before this.
    await one.set("last", 1);
    await two.set("last", 2);
    const keysOf = (name) =>
      seen.filter(([to, type]) => to === name && type === "keys").flatMap(([, , ...keys]) => keys);
    await until(() => ["one", "two"].every((name) => keysOf(name).includes(`${name}:last`)));
    assert.deepEqual(keysOf("one"), ["one:secret", "one:last"]);
    assert.deepEqual(keysOf("two"), ["two:secret", "two:last"]);
    assert.deepEqual([await one.get("secret"), await two.get("secret")], [1, 2]);
    // A token is refused a stream of what it may not read.
    const spy = new HttpCache({ url, token: env.TOKEN_one, namespace: "two", timeout: "5m" });
    const refused = [];
    subscriptions.push(new HttpInvalidations(spy).listen((event) => refused.push(event)));
    await until(() => refused.length > 0);
    assert.deepEqual([refused[0].type, refused[0].error.code], ["lost", "refused"]);
  } finally {
    for (const subscription of subscriptions) {
      subscription.close();
    }
    await server.kill();
  }
});

describe("when the bridge or the connection fails", () => {
  /** A bridge on a port that it gets again after a restart. */
  async function restartable() {
    const port = await reserve();
    const args = ["serve", "--token", TOKEN, "--listen", `127.0.0.1:${port}`, ...calm()];
    const begin = async () => {
      const bridge = start(program(), args);
      await bridge.said(/listening on (\S+)/);
      return bridge;
    };
    let bridge = await begin();
    return {
      url: `http://127.0.0.1:${port}`,
      close: () => bridge.kill(),
      restart: async () => {
        bridge = await begin();
      },
    };
  }

  test("after the bridge restarts, no older copy is served", async () => {
    const bridge = await restartable();
    const { tiers } = tiersAt(bridge.url);
    try {
      await tiers.ready("5m");
      await tiers.set("a", 1);
      assert.equal(await tiers.get("a"), 1);
      await bridge.close();
      await until(() => tiers.tierStats().link === "disconnected");
      await assert.rejects(async () => tiers.get("a"), { name: "CacheError", code: "connection" });
      await bridge.restart();
      await until(() => tiers.tierStats().link === "connected");
      // The store in memory has begun empty.
      assert.equal(await tiers.get("a"), undefined);
      assert.ok(tiers.tierStats().resets >= 2);
      assert.ok(tiers.tierStats().suspectMs > 0);
    } finally {
      await bridge.close();
    }
  });

  test("with serveSuspect, copies are served for a limited time without the bridge", async () => {
    const bridge = await restartable();
    const options = { serveSuspectFor: "1h" };
    const careful = tiersAt(bridge.url, { serveSuspect: "if-far-fails", ...options }).tiers;
    const bold = tiersAt(bridge.url, { serveSuspect: "always", ...options }).tiers;
    const brief = tiersAt(bridge.url, { serveSuspect: "always", serveSuspectFor: "1ms" }).tiers;
    const all = [careful, bold, brief];
    try {
      for (const tiers of all) {
        await tiers.ready("5m");
        await tiers.set("a", 1, "1h");
        await tiers.get("a");
      }
      // Each hears of its own write and of those that followed. Afterwards, no announcement ends a copy.
      await until(() => all.every((tiers, at) => tiers.tierStats().invalidations >= all.length - at));
      await eventually("copies in all", async () => {
        await Promise.all(all.map((tiers) => tiers.get("a")));
        return all.every((tiers) => !(tiers.get("a") instanceof Promise)) || undefined;
      });
      await bridge.close();
      await until(() => all.every((tiers) => tiers.tierStats().link === "disconnected"));
      assert.equal(await careful.get("a"), 1);
      assert.equal(bold.get("a"), 1, "at once");
      await until(() => brief.tierStats().suspectMs > 1);
      await assert.rejects(async () => brief.get("a"), { code: "connection" });
    } finally {
      await bridge.close();
    }
  });

  test("a cut connection: missed changes arrive on reconnection", async () => {
    const bridge = await startBridge(...calm());
    const line = await startLine(bridge.url);
    const { tiers } = tiersAt(line.url);
    const writer = new HttpCache({ url: bridge.url, token: TOKEN, timeout: "5m" });
    try {
      await tiers.ready("5m");
      await tiers.set("kept", 1, "1h");
      await tiers.set("changed", 1, "1h");
      const { resets } = tiers.tierStats();
      line.sever();
      await writer.set("changed", 2, "1h");
      await until(() => tiers.tierStats().link === "disconnected");
      line.sever(false);
      await until(() => tiers.tierStats().link === "connected");
      assert.equal(tiers.get("kept"), 1, "its copy is good again");
      assert.equal(await tiers.get("changed"), 2);
      assert.equal(tiers.tierStats().resets, resets);
    } finally {
      await writer.close();
      await line.close();
      await bridge.close();
    }
  });

  test("a silent connection: after two heartbeats no copy is served", async () => {
    const bridge = await startBridge(...calm());
    const line = await startLine(bridge.url);
    let now = 1_000_000;
    const { tiers } = tiersAt(line.url, { clock: () => now });
    try {
      await tiers.ready("5m");
      await tiers.set("a", 1, "7d");
      line.silence();
      now += VALID_FOR - 1000;
      assert.equal(tiers.get("a"), 1);
      now += 2_000;
      assert.equal(tiers.tierStats().link, "suspect");
      const read = tiers.get("a");
      assert.ok(read instanceof Promise);
      let isOver = false;
      const failed = assert.rejects(read, { name: "CacheError" }).finally(() => {
        isOver = true;
      });
      await until(() => {
        line.cut();
        return isOver;
      });
      await failed;
      line.silence(false);
      line.cut();
      await until(() => tiers.tierStats().link === "connected");
      assert.equal(await tiers.get("a"), 1);
    } finally {
      await line.close();
      await bridge.close();
    }
  });

  test("failed writes are sent again, or reported", async () => {
    const bridge = await restartable();
    const unsent = [];
    const onUnsentWrite = (error, write) => unsent.push([error.code, write]);
    const { tiers } = tiersAt(bridge.url, { retryWrites: 2, onUnsentWrite });
    try {
      await tiers.ready("5m");
      await bridge.close();
      await tiers.set("a", 1);
      await tiers.set("a", 2);
      await assert.rejects(async () => tiers.set("a", 3), { code: "connection" }, "there is room for two");
      assert.equal(tiers.tierStats().queuedWrites, 2);
      await bridge.restart();
      await until(() => tiers.tierStats().queuedWrites === 0);
      assert.equal(await tiers.get("a"), 2, "in their order");
      await bridge.close();
      await tiers.delete("a");
      await tiers.close();
      assert.deepEqual(unsent, [["connection", { operation: "delete", key: "a" }]]);
      assert.equal(tiers.tierStats().unsentWrites, 1);
    } finally {
      await bridge.close();
    }
  });
});
