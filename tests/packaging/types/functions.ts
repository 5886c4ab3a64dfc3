// Compiled, not run: the types of keys, of loading and of tags.

import {
  Cache,
  cached,
  globOf,
  HttpCache,
  type KeyParams,
  type KeyPattern,
  type KeyValue,
  keyOf,
  keyPattern,
  keys,
  MemoryCache,
  Tagged,
} from "isocache";

interface User {
  name: string;
}

export function keyPatterns(written: string): void {
  const rate = keyPattern("rate:{ip}:{endpoint}");
  same<typeof rate.pattern, "rate:{ip}:{endpoint}">(true);
  same<KeyParams<"rate:{ip}:{endpoint}">, { ip: KeyValue; endpoint: KeyValue }>(true);
  same<KeyParams<"{{x}}:{{{id}}}">, { id: KeyValue }>(true);
  same<ReturnType<typeof rate>, string>(true);
  rate({ ip: "::1", endpoint: 7n });
  rate.glob();
  rate.glob({ ip: "::1" });
  rate.glob({ ip: undefined });
  keyPattern("settings")();
  keyPattern("{{user}}:{opts.lang}")({ "opts.lang": true });
  keyPattern(written)({ anything: 1 });
  const any: KeyPattern = keyPattern(written);
  any.glob({ anything: 1 });
  keys.user({ id: 7 });
  keys.userList({ hash: "x" });
  keys.session.glob();
  const text: string = keyOf("f", [1, { a: null }] as const) + globOf("f");

  // @ts-expect-error A value is missing.
  rate({ ip: text });
  // @ts-expect-error All values are missing.
  rate();
  // @ts-expect-error No such parameter.
  rate({ ip: "::1", endpoint: "x", port: 1 });
  // @ts-expect-error No such parameter.
  rate.glob({ port: 1 });
  // @ts-expect-error null has no text.
  keys.user({ id: null });
  // @ts-expect-error Neither has an object.
  keys.user({ id: {} });
  // @ts-expect-error Values go by name.
  keys.user(7);
  // @ts-expect-error It has no parameters.
  keyPattern("settings")({ id: 7 });
  // @ts-expect-error Escaped braces are no parameter.
  keyPattern("{{user}}:{id}")({ id: 7, user: 1 });
  // @ts-expect-error The arguments are a list.
  keyOf("f", 1);
}

class Decorated {
  @cached({ ttl: "1m" })
  async find(id: number): Promise<User> {
    return { name: String(id) };
  }
}

export async function loading(): Promise<void> {
  const cache = new Cache<User>();
  const user = await cache.getOrSet("a", async ({ key, signal }) => ({ name: `${key} ${signal.aborted}` }), {
    ttl: ({ name }) => (name === "" ? null : "5m"),
    staleWhileRevalidate: "1m",
    shouldCache: (found) => found.name !== "",
  });
  same<typeof user, { name: string }>(true);
  // @ts-expect-error The value is of another type than the cache's.
  await cache.getOrSet("a", () => 7);
  // @ts-expect-error There is no such option.
  await cache.getOrSet("a", () => ({ name: "" }), { staleIfErrors: "1m" });

  const find = cached(async (id: number, flags?: { deep: boolean }) => ({ id, flags }), { name: "find", ttl: "5m" });
  const found = await find(7, { deep: true });
  same<typeof found.id, number>(true);
  same<ReturnType<typeof find.keyFor>, string>(true);
  same<ReturnType<typeof find.invalidate>, Promise<boolean>>(true);
  // @ts-expect-error The arguments are those of the function.
  await find("7");
  // @ts-expect-error Those of the key, too.
  find.keyFor();
  cached(async (id: number) => id, { key: (id) => `user:${id.toFixed(0)}` });
  const decorated = await new Decorated().find(7);
  same<typeof decorated, User>(true);
}

export async function tags(): Promise<void> {
  const cache = new Cache({
    provider: new Tagged<User>(new HttpCache({ url: "http://127.0.0.1" })),
  });
  await cache.set("a", { name: "Ada" }, { ttl: "5m", tags: ["org:7"] });
  await cache.setMany([{ key: "a", value: { name: "Ada" }, tags: ["org:7"] }]);
  const user = await cache.getOrSet("a", () => ({ name: "Ada" }), { tags: ["org:7"] });
  same<typeof user, { name: string }>(true);
  cached(async (id: number) => id, { name: "f", cache, tags: (id) => [id.toFixed(0)] });
  // @ts-expect-error Tags are a list.
  await cache.set("a", { name: "Ada" }, { tags: "org:7" });
  // @ts-expect-error Of texts.
  await cache.invalidateTags([7]);
  // @ts-expect-error What cannot have tags is not asked for them.
  new MemoryCache<User>().set("a", { name: "Ada" }, { tags: ["org:7"] });

  const stop = cache.on("load", ({ key, name, milliseconds, background, error }) => {
    same<typeof key, string>(true);
    same<typeof name, string | undefined>(true);
    same<typeof milliseconds, number>(true);
    same<typeof background, boolean>(true);
    same<typeof error, unknown>(true);
  });
  stop();
  // @ts-expect-error There is no such event.
  cache.on("hit", () => undefined);
  // @ts-expect-error A stale answer has no time.
  cache.on("stale", ({ milliseconds }) => milliseconds);
}
