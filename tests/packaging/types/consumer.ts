// Compiled, not run: what the types allow, and what they must not allow.

import {
  Cache,
  CacheError,
  type CacheErrorCode,
  CacheInvalidator,
  type CacheOptions,
  type CacheStats,
  HttpCache,
  type HttpCacheOptions,
  type Invalidated,
  MemoryCache,
  type MemoryCacheOptions,
  type Provider,
  type RateLimit,
  RateLimiter,
  type Removal,
  type RemovalReason,
  type Serializer,
  SessionStore,
  type SetEntry,
  type SetOptions,
  Tagged,
  type Ttl,
} from "isocache";
import type { HttpCache as Alone } from "isocache/http";
import { MemoryCache as Small, type Ttl as SmallTtl } from "isocache/memory";
import { messagePackSerializer } from "isocache/msgpack";

interface User {
  name: string;
  age?: number;
}

export function memory(): void {
  const cache = new MemoryCache<User>({ maxEntries: 10, ttl: "5m" });
  const hit = cache.get("a");
  same<typeof hit, User | undefined>(true);
  // @ts-expect-error It may be absent.
  hit.name;
  same<ReturnType<typeof cache.peek>, User | undefined>(true);
  same<ReturnType<typeof cache.getMany>, (User | undefined)[]>(true);
  same<ReturnType<typeof cache.has>, boolean>(true);
  same<ReturnType<typeof cache.delete>, boolean>(true);
  same<ReturnType<typeof cache.ttl>, number | null | undefined>(true);
  same<ReturnType<typeof cache.clearPattern>, number>(true);
  same<ReturnType<typeof cache.deleteMany>, number>(true);
  same<typeof cache.size, number>(true);
  const stats = cache.stats();
  same<typeof stats.entries, number>(true);
  same<typeof stats.bytes, number | undefined>(true);
  for (const [key, value] of cache) {
    same<typeof key, string>(true);
    same<typeof value, User>(true);
  }
  const keys: string[] = [...cache.keys()];
  const users: Map<string, User> = new Map(cache.entries());
  cache.set("a", { name: "Ada" }).set("b", { name: "Eve" }, "30s").set("c", { name: "Bob", age: 5 }, { ttl: null });
  cache.set("a", { name: "Ada" }, 90).set("a", { name: "Ada" }, null).set("a", { name: "Ada" }, undefined);
  cache.setMany([{ key: keys[0] ?? "none", value: { name: `${users.size}` }, ttl: "1.5h" }]);
  cache.getMany(["a", "b"] as const);
  cache.resize(5);
  cache.resize(5, 10);
  cache.close();

  // @ts-expect-error Another value.
  cache.set("a", 1);
  // @ts-expect-error undefined is no value.
  cache.set("a", undefined);
  // @ts-expect-error A key is a string.
  cache.get(1);
  // @ts-expect-error No such unit.
  cache.set("a", { name: "Ada" }, "5 minutes");
  // @ts-expect-error No such option.
  cache.set("a", { name: "Ada" }, { maxAge: 5 });
  // @ts-expect-error The value is missing.
  cache.setMany([{ key: "a" }]);
  // @ts-expect-error The size is told, not set.
  cache.size = 5;
  // @ts-expect-error A number is missing.
  cache.resize();
  // @ts-expect-error A list is wanted.
  cache.getMany("a");
  // @ts-expect-error Internals are not there.
  cache.table;
}

export async function patterns(http: HttpCache): Promise<void> {
  const users = new CacheInvalidator(http).entity("user").key("user:{id}").lists("user_list:*");
  same<Awaited<ReturnType<typeof users.invalidate>>, Invalidated>(true);
  const written = await users.after(async () => 5, "id");
  same<typeof written, number>(true);
  new CacheInvalidator(new Cache());
  new CacheInvalidator(new MemoryCache<User>());
  // @ts-expect-error A key comes first.
  new CacheInvalidator(http).entity("user").lists("user_list:*");
  // @ts-expect-error An object is no id.
  users.invalidate({ id: 7 });

  const limiter = RateLimiter.slidingWindow(http, 5, "1m", { onStoreError: "allow" });
  RateLimiter.fixedWindow(new MemoryCache<number>(), 5, 60);
  same<Awaited<ReturnType<typeof limiter.check>>, RateLimit>(true);
  // @ts-expect-error It does not count.
  RateLimiter.fixedWindow({ getMany: () => [] }, 5, 60);
  RateLimiter.fixedWindow(new Cache(), 5, 60);
  // @ts-expect-error No such choice.
  RateLimiter.fixedWindow(http, 5, 60, { onStoreError: "ignore" });

  const sessions = new SessionStore<User>(new MemoryCache<User>(), { ttl: "20m" });
  new SessionStore<User>(new HttpCache<User>({ url: "http://127.0.0.1" }), { ttl: 60, absoluteLimit: "12h" });
  const token = await sessions.create({ name: "Ada" });
  const session = await sessions.get(token);
  same<typeof session, User | undefined>(true);
  // @ts-expect-error Another value.
  sessions.update(token, 5);
  // @ts-expect-error A ttl is needed.
  new SessionStore(http, {});
}

export function options(): void {
  const ttls: Ttl[] = [5, 0.5, "300ms", "30s", "5m", "2h", "7d", "1.5h"];
  const small: SmallTtl | undefined = ttls[0];
  new MemoryCache<string>({
    maxBytes: 100,
    sizeOf: (value, key) => value.length + key.length,
    clock: () => performance.now(),
    onRemoval: ({ key, value, reason }) => {
      same<typeof key, string>(true);
      same<typeof value, string>(true);
      same<typeof reason, RemovalReason>(true);
      same<RemovalReason, "evicted" | "expired" | "replaced" | "deleted">(true);
    },
    clone: false,
    ttl: null,
  });
  new MemoryCache({ maxEntries: undefined, ttl: small });
  const unknown = new MemoryCache();
  same<ReturnType<typeof unknown.get>, unknown>(true);
  const all: MemoryCacheOptions<number> = { onRemoval: (removal: Removal<number>) => void removal.value.toFixed() };
  new Small<number>(all);
  new Cache<number>(all);

  // @ts-expect-error No such option.
  new MemoryCache({ max: 5 });
  // @ts-expect-error A number is wanted.
  new MemoryCache({ maxEntries: "5" });
  // @ts-expect-error A size is a number.
  new MemoryCache<string>({ sizeOf: (value) => value });
  // @ts-expect-error A time is a number.
  new MemoryCache({ clock: () => new Date() });
  // @ts-expect-error The options of the memory do not go with a provider.
  new Cache({ provider: new MemoryCache(), maxEntries: 5 });
  // @ts-expect-error A provider has methods.
  new Cache({ provider: {} });
}

export async function cache(): Promise<void> {
  const cache = new Cache<User>({ namespace: "n", ttl: "5m" });
  const hit = cache.get("a");
  same<typeof hit, Promise<User | undefined>>(true);
  same<ReturnType<typeof cache.set>, Promise<void>>(true);
  same<ReturnType<typeof cache.delete>, Promise<boolean>>(true);
  same<ReturnType<typeof cache.exists>, Promise<boolean>>(true);
  same<ReturnType<typeof cache.getMany>, Promise<(User | undefined)[]>>(true);
  same<ReturnType<typeof cache.deleteMany>, Promise<number>>(true);
  same<ReturnType<typeof cache.clearPattern>, Promise<number>>(true);
  same<ReturnType<typeof cache.clear>, Promise<void>>(true);
  same<ReturnType<typeof cache.getStats>, Promise<CacheStats>>(true);
  await cache.set("a", { name: "Ada" }, "30s");
  await cache.setMany([{ key: "a", value: { name: "Ada" } }]);
  await cache.close();

  const anything = new Cache();
  const user = await anything.get<User>("a");
  same<typeof user, User | undefined>(true);
  const numbers = anything.namespace<number>("numbers");
  same<typeof numbers, Cache<number>>(true);
  await numbers.set("a", 1);

  // @ts-expect-error Another value.
  await cache.set("a", 1);
  // @ts-expect-error A number is not a user.
  await cache.get<number>("a");
  // @ts-expect-error It is a promise.
  hit.name;
  // @ts-expect-error Users are not numbers.
  await numbers.set("a", { name: "Ada" });
  // @ts-expect-error The second parameter is internal.
  new Cache({}, { closed: false });
}

export class Own implements Provider<User> {
  readonly #users = new Map<string, User>();
  get(key: string): User | undefined {
    return this.#users.get(key);
  }
  async set(key: string, value: User, { ttl }: SetOptions): Promise<Ttl | null | undefined> {
    this.#users.set(key, value);
    return ttl;
  }
  delete(key: string): Promise<boolean> {
    return Promise.resolve(this.#users.delete(key));
  }
  has(key: string): boolean {
    return this.#users.has(key);
  }
  clearPattern(pattern: string): number {
    return pattern.length;
  }
  async getStats(): Promise<CacheStats> {
    const counts = { hits: 0, misses: 0, hitRate: 0, sets: 0, deletes: 0, evictions: 0, expirations: 0 };
    return { ...counts, entries: undefined, bytes: undefined };
  }
  setMany(entries: readonly SetEntry<User>[]): void {
    for (const { key, value } of entries) {
      this.#users.set(key, value);
    }
  }
}

export const overOwn: CacheOptions<User> = { provider: new Own(), namespace: "n" };
export const own: Cache<User> = new Cache(overOwn);
export const sameClass: boolean = same<typeof Small, typeof MemoryCache>(true);

export async function http(): Promise<void> {
  const text: Serializer = { format: "text", serialize: (value) => `${value}`, deserialize: (text) => text.length };
  const options: HttpCacheOptions = {
    url: new URL("https://cache.example"),
    token: async () => "token",
    namespace: "n",
    timeout: "500ms",
    retries: 1,
    breaker: { failures: 3, cooldown: "10s" },
    batch: { maxCommands: 100 },
    serializer: text,
    fetch,
    ttl: "5m",
    clock: () => performance.now(),
  };
  const cache = new HttpCache<User>({ ...options, serializer: messagePackSerializer, batch: false, breaker: false });
  new HttpCache({ url: "https://cache.example", fetch: (url, init) => fetch(url, { ...init, cache: "no-store" }) });
  const { signal } = new AbortController();
  const hit = await cache.get("a", { signal });
  same<typeof hit, User | undefined>(true);
  const found = await cache.getWithTtl("a");
  same<typeof found, { value: User; ttl: number | null } | undefined>(true);
  await cache.set("a", { name: "Ada" }, "30s");
  await cache.set("a", { name: "Ada" }, { ttl: null, signal });
  same<ReturnType<typeof cache.increment>, Promise<number>>(true);
  await cache.increment("a", 5, { ttl: "1m" });
  await new Cache<User>({ provider: cache }).get("a");
  const numbers: HttpCache<number> = new HttpCache(options).namespace<number>("numbers");
  await numbers.set("a", 1);
  try {
    await cache.close();
  } catch (error) {
    if (error instanceof CacheError) {
      same<typeof error.code, CacheErrorCode>(true);
      same<typeof error.key, string | undefined>(true);
    }
  }

  // @ts-expect-error Another value.
  await cache.set("a", 1);
  // @ts-expect-error A server is wanted.
  new HttpCache({});
  // @ts-expect-error No such option.
  new HttpCache({ url: "https://cache.example", keepalive: true });
  // @ts-expect-error No such option.
  cache.namespace("n").set("a", { name: "Ada" }, { retries: 1 });
  // @ts-expect-error A serializer says what it makes.
  const _wrong: Serializer = { serialize: () => "", deserialize: () => 1 };
}

export const sameHttp: boolean = same<typeof Alone, typeof HttpCache>(true);

export async function operations(env: string): Promise<void> {
  const untyped = new Cache({ provider: new MemoryCache() });
  const found = await untyped.get<User>("a");
  same<typeof found, User | undefined>(true);
  const tagged = new Cache({ provider: new Tagged(new MemoryCache()) });
  same<Awaited<ReturnType<typeof tagged.get>>, unknown>(true);
  new Cache<User>({ provider: new MemoryCache() });
  new Cache<User>({ provider: new Tagged(new MemoryCache()) });
  const memory = new MemoryCache<User>();
  const admin = memory.get<User & { level: number }>("a");
  same<typeof admin, (User & { level: number }) | undefined>(true);

  // A ttl may come from the environment, or from an object that was made before.
  const options = { ttl: "5m" };
  memory.set("a", { name: "Ada" }, options).set("a", { name: "Ada" }, env);
  new MemoryCache(options);
  await untyped.set("a", 1, { ttl: env });
  await untyped.set("a", 1, { expiresAt: new Date() });
  // @ts-expect-error A literal is checked: no exponent.
  memory.set("a", { name: "Ada" }, "1e3s");
  // @ts-expect-error No sign.
  await untyped.set("a", 1, { ttl: "-5m" });
  // @ts-expect-error One unit.
  await untyped.setIfAbsent("a", 1, { ttl: "1h30m" });
  // @ts-expect-error No option of this name.
  memory.replace("a", { name: "Ada" }, { tll: "5m" });

  const keys: string[] = [];
  for await (const key of untyped.keys("a*")) {
    keys.push(key);
  }
  keys.push(...memory.keys());
  same<ReturnType<typeof memory.ttl>, number | null | undefined>(true);
  same<Awaited<ReturnType<typeof untyped.ttl>>, number | null | undefined>(true);
  const users = memory.namespace("user");
  same<typeof users, MemoryCache<User>>(true);
  memory.load(memory.dump());
  memory.forEach((value, key) => void keys.push(`${value.name} ${key}`));
  const ada = memory.find(({ name }) => name === "Ada");
  same<typeof ada, User | undefined>(true);
  const http = new HttpCache({ url: "http://127.0.0.1", serializer: "text" });
  same<Awaited<ReturnType<typeof http.hasMany>>, boolean[]>(true);
  same<Awaited<ReturnType<typeof http.deleteManyEach>>, boolean[]>(true);

  // Counters and sessions are in any of the caches.
  RateLimiter.fixedWindow(untyped, 10, "1m");
  RateLimiter.fixedWindow(memory, 10, "1m");
  RateLimiter.fixedWindow(http, 10, "1m");
  new SessionStore<User>(new Cache<User>({ provider: new MemoryCache() }), { ttl: "20m" });
  new SessionStore<User>(new MemoryCache(), { ttl: "20m" });
}
