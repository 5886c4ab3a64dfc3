// Run by Node with --expose-gc: many operations of all kinds, and what is left of them. The argument has the URLs and token.

// The wasm instance is the package's own; it is caught as it is made.
let memory;
const { Instance } = WebAssembly;
WebAssembly.Instance = class extends Instance {
  constructor(...of) {
    super(...of);
    memory = Object.values(this.exports).find((one) => one instanceof WebAssembly.Memory);
  }
};
const { Cache, HttpCache, MemoryCache } = await import("isocache");
WebAssembly.Instance = Instance;

const { url, dead, token, transport } = JSON.parse(process.argv[2]);
const send = transport === "fetch" ? (...request) => fetch(...request) : undefined;
const cache = new HttpCache({ url, token, fetch: send, timeout: "30s" });
const broken = new HttpCache({ url: dead, token, fetch: send, retries: 0, breaker: { failures: 3, cooldown: "10m" } });
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

/** A thousand operations. */
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

async function heap() {
  for (let at = 0; at < 5; at++) {
    await new Promise((resolve) => setTimeout(resolve, 20));
    globalThis.gc();
  }
  return process.memoryUsage().heapUsed;
}

for (let at = 0; at < 5; at++) {
  await thousand();
}
const before = await heap();
const pages = memory.buffer.byteLength;
for (let at = 0; at < 10; at++) {
  await thousand();
}
const grown = (await heap()) - before;
await cache.close();
const timers = process.getActiveResourcesInfo().filter((name) => name === "Timeout").length;
// It ends by itself, if nothing is left.
process.stdout.write(JSON.stringify({ grown, wasm: memory.buffer.byteLength - pages, timers }));
