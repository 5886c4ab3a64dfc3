/** Many operations of all kinds, as often as one likes. */

/** The memory of the package's wasm instance, which is caught as its engine starts, and the package. */
export async function withMemory(load) {
  const { Instance } = WebAssembly;
  let memory;
  WebAssembly.Instance = class extends Instance {
    constructor(...of) {
      super(...of);
      memory = Object.values(this.exports).find((one) => one instanceof WebAssembly.Memory);
    }
  };
  const isocache = await load();
  // The engine starts with the first cache.
  new isocache.MemoryCache();
  WebAssembly.Instance = Instance;
  return { isocache, memory };
}

/** Does a thousand operations each time that `thousand` is called. Nobody listens at `dead`. */
export function workload({ Cache, HttpCache, MemoryCache }, { url, dead, token, fetch: send }) {
  const cache = new HttpCache({ url, token, fetch: send, timeout: "5m" });
  const broken = new HttpCache({
    url: dead,
    token,
    fetch: send,
    retries: 0,
    breaker: { failures: 3, cooldown: "10m" },
  });
  const near = new MemoryCache({ maxEntries: 20 });
  const far = new Cache({ provider: cache });
  const lasting = new AbortController();

  /** Cache-aside, as in a worker: what is not near is asked for, and kept near. */
  async function aside(key) {
    const found = near.get(key) ?? (await far.get(key));
    if (found !== undefined) {
      near.set(key, found, "1h");
    }
  }

  async function thousand() {
    for (let at = 0; at < 10; at++) {
      const all = Array.from({ length: 90 }, (_, key) =>
        key % 3 === 2
          ? aside(`k${key - 2}`)
          : key % 3 === 1
            ? cache.get(`k${key - 1}`, { signal: lasting.signal })
            : cache.set(`k${key}`, { key, text: "x".repeat(100) }, "1h"),
      );
      await Promise.all(all);
      for (let one = 0; one < 5; one++) {
        const controller = new AbortController();
        const given = cache.get("k1", { signal: controller.signal });
        controller.abort();
        await given.catch(() => undefined);
        await broken.get("a").catch(() => undefined);
      }
    }
  }
  return { thousand, close: () => cache.close() };
}
