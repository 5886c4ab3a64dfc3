/** What loading does over any provider, in any runtime. */

/** A promise, and the function that fulfils it. */
function gate() {
  let open;
  const opened = new Promise((resolve) => {
    open = resolve;
  });
  return { opened, open };
}

/** A load of the key "a" whose loader runs already; `open` ends it with a value. */
async function beingLoaded(cache, options) {
  const [started, loaded] = [gate(), gate()];
  const load = () => {
    started.open();
    return loaded.opened;
  };
  const asked = cache.getOrSet("a", load, { timeout: null, ...options });
  await started.opened;
  return { asked, open: loaded.open };
}

/** Stores a value that is stale, for an hour. */
async function setStale(cache, key, value) {
  await cache.set(key, value, { ttl: "1ms", staleFor: "1h" });
  while (await cache.has(key)) {
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

const reason = (promise) =>
  promise.then(
    () => "fine",
    (error) => error.message,
  );

/**
 * By name: what is to be seen. The cache `below` is a namespace of `cache`, `elsewhere` is the same in
 * another process, the store of `away` is away, and `tagged` has tags, in
 * which `own` keeps those of others apart.
 */
const SCENES = {
  async "many callers, one load"({ cache }) {
    let loads = 0;
    const { opened, open } = gate();
    const load = async () => {
      loads++;
      await opened;
      return { name: "Ada" };
    };
    const asked = Array.from({ length: 100 }, () => cache.getOrSet("user", load));
    open();
    const values = new Set((await Promise.all(asked)).map((value) => JSON.stringify(value)));
    return [[...values], loads, await cache.get("user")];
  },

  async "a set while it is loaded wins"({ cache }) {
    const { asked, open } = await beingLoaded(cache);
    const written = cache.set("a", "written");
    open("loaded");
    await Promise.all([asked, written]);
    return cache.get("a");
  },

  async "a delete while it is loaded wins"({ cache }) {
    const { asked, open } = await beingLoaded(cache);
    await cache.delete("a");
    open("deleted");
    return [await asked, await cache.has("a")];
  },

  async "a pattern that clears what is loaded wins, through the cache above, too"({ cache, below }) {
    const { asked, open } = await beingLoaded(below);
    await cache.clearPattern("below:*");
    open("cleared");
    return [await asked, await below.has("a")];
  },

  async "failures reach all and are not stored"({ cache }) {
    let loads = 0;
    const failing = async () => {
      loads++;
      await undefined;
      throw new Error("down");
    };
    const asked = [1, 2, 3].map(() => reason(cache.getOrSet("a", failing)));
    return [await Promise.all(asked), loads, await cache.getOrSet("a", () => "up")];
  },

  async "null is a value, undefined is none"({ cache }) {
    let loads = 0;
    const load = (value) => () => {
      loads++;
      return value;
    };
    await cache.getOrSet("null", load(null));
    await cache.getOrSet("none", load(undefined));
    return [await cache.getOrSet("null", load(1)), await cache.getOrSet("none", load(2)), loads];
  },

  async "a loader asks for other keys"({ cache }) {
    const count = (n) => cache.getOrSet(`${n}`, async () => (n === 0 ? 0 : 1 + (await count(n - 1))));
    return count(5);
  },

  async "stale values are answered, and refreshed in the background"({ cache }) {
    const background = [];
    const options = { ttl: "1h", staleWhileRevalidate: "1h", waitUntil: (work) => background.push(work) };
    await setStale(cache, "a", "old");
    const found = await cache.getOrSet("a", () => "new", options);
    await Promise.all(background);
    return [found, await cache.get("a"), background.length];
  },

  async "stale values are better than none"({ cache }) {
    const options = { ttl: "1h", staleIfError: "1h" };
    await setStale(cache, "a", "old");
    const found = await cache.getOrSet("a", () => Promise.reject(new Error("down")), options);
    return [found, await cache.getOrSet("a", () => "new", options), await cache.get("a")];
  },

  async "forceFresh loads in any case"({ cache }) {
    await cache.set("a", "old");
    return [await cache.getOrSet("a", () => "new", { forceFresh: true }), await cache.get("a")];
  },

  async "who gives up leaves the others"({ cache }) {
    const { opened, open } = gate();
    const controller = new AbortController();
    const first = reason(cache.getOrSet("a", () => opened, { signal: controller.signal }));
    const second = cache.getOrSet("a", () => opened);
    controller.abort(new Error("mine"));
    const gone = await first;
    open("value");
    return [gone, await second];
  },

  async "a store that is away is passed over"({ away }) {
    let loads = 0;
    const load = () => ++loads;
    return [await away.getOrSet("a", load), await away.getOrSet("a", load)];
  },

  async "entries go with one of their tags"({ tagged, own }) {
    const [one, two, all] = ["one", "two", "all"].map((tag) => `${own}:${tag}`);
    await tagged.setMany([
      { key: "a", value: 1, tags: [one] },
      { key: "b", value: 2, tags: [one, all] },
    ]);
    await tagged.set("c", 3, { tags: [two, all] });
    await tagged.set("d", 4);
    const seen = [];
    for (const tag of [`${own}:nobody's`, one, all]) {
      await tagged.invalidateTags([tag]);
      seen.push((await tagged.getMany(["a", "b", "c", "d"])).map((value) => value ?? null));
    }
    await tagged.set("a", 5, { tags: [one] });
    return [seen, await tagged.get("a"), await tagged.has("b"), await tagged.has("c")];
  },

  async "who needs a new tag at once does not end what others wrote"({ tagged, own }) {
    const keys = ["a", "b", "c", "d"];
    const seen = [];
    for (let round = 0; round < 10; round++) {
      await Promise.all(keys.map((key) => tagged.set(key, round, { tags: [`${own}:round ${round}`] })));
      seen.push((await tagged.getMany(keys)).join());
    }
    return seen;
  },

  async "an invalidation while it is loaded wins"({ tagged, own }) {
    const tags = [`${own}:loaded`];
    const { asked, open } = await beingLoaded(tagged, { tags });
    await tagged.invalidateTags(tags);
    const later = await tagged.getOrSet("a", () => "new", { tags });
    open("old");
    return [await asked, later, await tagged.get("a")];
  },

  async "of two processes over one store, one loads"({ cache, elsewhere }) {
    let loads = 0;
    const [started, loaded] = [gate(), gate()];
    const load = () => {
      loads++;
      started.open();
      return loaded.opened;
    };
    const asked = [cache, elsewhere, cache, elsewhere].map((one) =>
      one.getOrSet("a", load, { lease: "10m", timeout: null }),
    );
    await started.opened;
    loaded.open("value");
    return [await Promise.all(asked), loads];
  },

  async "a cached function has tags"({ tagged, own, isocache }) {
    let calls = 0;
    const tags = (n) => [`${own}:${n}`];
    const count = isocache.cached(async (n) => n + 0 * ++calls, { key: "count:{0}", cache: tagged, tags });
    await Promise.all([count(1), count(2)]);
    await tagged.invalidateTags([`${own}:1`]);
    return [await count(1), await count(2), calls];
  },

  async "a cached function"({ cache, isocache }) {
    let calls = 0;
    const square = isocache.cached(async (n) => n * n + 0 * ++calls, { key: "square:{0}", ttl: "5m", cache });
    const answers = await Promise.all([square(3), square(3), square(4)]);
    const seen = [answers, calls, square.keyFor(3), await square.invalidate(3), await square.invalidate(3)];
    return [...seen, await square(3), await square.refresh(4), calls];
  },
};

export const EXPECTED = {
  "many callers, one load": [['{"name":"Ada"}'], 1, { name: "Ada" }],
  "a set while it is loaded wins": "written",
  "a delete while it is loaded wins": ["deleted", false],
  "a pattern that clears what is loaded wins, through the cache above, too": ["cleared", false],
  "failures reach all and are not stored": [["down", "down", "down"], 1, "up"],
  "null is a value, undefined is none": [null, 2, 3],
  "a loader asks for other keys": 5,
  "stale values are answered, and refreshed in the background": ["old", "new", 1],
  "stale values are better than none": ["old", "new", "new"],
  "forceFresh loads in any case": ["new", "new"],
  "who gives up leaves the others": ["mine", "value"],
  "a store that is away is passed over": [1, 2],
  "entries go with one of their tags": [
    [
      [1, 2, 3, 4],
      [null, null, 3, 4],
      [null, null, null, 4],
    ],
    ...[5, false, false],
  ],
  "who needs a new tag at once does not end what others wrote": [
    ...["0,0,0,0", "1,1,1,1", "2,2,2,2", "3,3,3,3", "4,4,4,4", "5,5,5,5", "6,6,6,6", "7,7,7,7", "8,8,8,8", "9,9,9,9"],
  ],
  "an invalidation while it is loaded wins": ["old", "new", "new"],
  "of two processes over one store, one loads": [["value", "value", "value", "value"], 1],
  "a cached function has tags": [1, 2, 3],
  "a cached function": [[9, 9, 16], 2, "square:3", true, false, 9, 16, 4],
};

/** What each scene showed, by store: memory, and each of the servers. Nobody listens at `dead`. */
export async function loading(isocache, { servers, dead }) {
  const { Cache, HttpCache, MemoryCache, Tagged } = isocache;
  // Each makes two providers of one store, as two processes have them; memory is of one process.
  const stores = { memory: () => Array(2).fill(new MemoryCache()) };
  for (const [name, options] of Object.entries(servers)) {
    stores[name] = () => [new HttpCache(options), new HttpCache(options)];
  }
  const seen = {};
  for (const [store, make] of Object.entries(stores)) {
    seen[store] = {};
    for (const [at, [name, scene]] of Object.entries(SCENES).entries()) {
      const [provider, other] = make();
      // Keys of their own, in servers that others ask, too.
      const own = `${Math.random()}`.slice(2) + at;
      const cache = new Cache({ provider, namespace: own });
      const elsewhere = new Cache({ provider: other, namespace: own });
      const tagged = new Cache({ provider: new Tagged(provider), namespace: `${own}:tagged` });
      const away = new Cache({ provider: new HttpCache({ url: dead, token: "token", retries: 0 }) });
      seen[store][name] = await scene({
        cache,
        below: cache.namespace("below"),
        away,
        elsewhere,
        tagged,
        own,
        isocache,
      });
    }
  }
  return seen;
}
