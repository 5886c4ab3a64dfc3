/** Runs the traces of `tests/vectors/loading.json`, whose format is described in the file. */

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { Cache, loaded } from "isocache";

const { cases } = JSON.parse(await readFile(new URL("../../vectors/loading.json", import.meta.url), "utf8"));

/** The cases that a provider can run, by what it has beside the usual. */
export function casesFor(...has) {
  return cases.filter(({ needs = [] }) => needs.every((need) => has.includes(need)));
}

const EVENTS = {
  load: ["options", "key"],
  finish: ["value", "ttl", "no_store", "nothing", "error"],
  set: ["value", "ttl", "key"],
  delete: ["key"],
  clear: ["pattern"],
  get: ["key"],
  get_many: ["keys"],
  has: ["key"],
  ttl: ["key"],
  count: [],
  advance: [],
  give_up: [],
  store: [],
};
const OPTIONS = {
  ttl: ["ttl", true],
  stale_while_revalidate: ["staleWhileRevalidate", true],
  stale_if_error: ["staleIfError", true],
  early_refresh: ["earlyRefresh", true],
  jitter: ["jitter"],
  timeout: ["timeout", true],
  force_fresh: ["forceFresh"],
  detached: ["detached"],
  on_error: ["onError"],
};

/** Milliseconds as a ttl. A window of 0 is none. */
const time = (milliseconds, isWindow = false) =>
  milliseconds === null ? null : isWindow && milliseconds === 0 ? undefined : `${milliseconds}ms`;

function optionsOf(given) {
  return Object.fromEntries(
    Object.entries(given).map(([name, value]) => {
      assert.ok(OPTIONS[name], `an unknown option: ${name}`);
      const [ours, isTime] = OPTIONS[name];
      return [ours, isTime ? time(value, name !== "ttl" && name !== "timeout") : value];
    }),
  );
}

/** The failure of a store. */
class Broken extends Error {}

/** A provider over another whose operations are held or fail when the trace says so. It knows when none is under way. */
class Watched {
  pending = 0;
  #state = "works";
  #release = () => undefined;
  #released = Promise.resolve();

  constructor(inner) {
    this.inner = inner;
    this.keepsTags = inner.keepsTags;
  }

  become(state) {
    this.#release();
    this.#state = state;
    if (state.startsWith("holds")) {
      this.#released = new Promise((resolve) => {
        this.#release = resolve;
      });
    }
  }

  async #run(isWrite, work) {
    if (this.#state === "fails") {
      throw new Broken("the store is broken");
    }
    if (isWrite && this.#state === "refuses") {
      throw new RangeError("isocache: the store refuses the value");
    }
    const held = this.#state === (isWrite ? "holds_writes" : "holds_reads") ? this.#released : undefined;
    if (isWrite) {
      await held;
    }
    this.pending++;
    let done;
    try {
      done = await work();
    } finally {
      this.pending--;
    }
    if (!isWrite) {
      await held;
    }
    return done;
  }

  get = (key) => this.#run(false, () => this.inner.get(key));
  getEntry = (key) => this.#run(false, () => this.inner.getEntry(key));
  getEntries = (keys) => this.#run(false, () => this.inner.getEntries(keys));
  getMany = (keys) => this.#run(false, () => this.inner.getMany(keys));
  has = (key) => this.#run(false, () => this.inner.has(key));
  stats = () => this.#run(false, () => this.inner.stats());
  set = (key, value, options) => this.#run(true, () => this.inner.set(key, value, options));
  delete = (key) => this.#run(true, () => this.inner.delete(key));
  clearPattern = (pattern) => this.#run(true, () => this.inner.clearPattern(pattern));
}

/**
 * Runs a case over a provider. `t` is the test, whose timers and chance are set; `watched` says whether operations of the
 * provider take time, as they must for `store`. `pass` moves the clock of the entries.
 */
export async function runTrace(t, { name, options, random = 0.5, trace }, { provider, watched, pass, ttlOf, count }) {
  t.mock.timers.reset();
  t.mock.timers.enable({ apis: ["setTimeout", "Date"], now: 1_000_000_000_000 });
  t.mock.method(Math, "random", () => random);
  // A store that fails is reported on the console.
  t.mock.method(console, "warn", () => undefined);
  const store = watched ? new Watched(provider) : provider;
  const cache = new Cache({ provider: store });
  const runs = [];
  const controllers = new Map();
  const gone = new Set();
  let answers = {};

  const settle = async () => {
    for (let calm = 0; calm < 3; calm = store.pending > 0 ? 0 : calm + 1) {
      await new Promise((resolve) => setImmediate(resolve));
    }
  };
  const answer = (caller, work) => {
    const give = (value) => {
      if (!gone.has(caller)) {
        assert.ok(!(caller in answers), `${caller} has two answers`);
        answers[caller] = value;
      }
    };
    work.then(
      (value) => give(value === undefined ? null : value),
      (error) => give({ error: errorOf(error) }),
    );
  };
  const loader = () =>
    new Promise((resolve, reject) => {
      runs.push({ resolve, reject });
    });
  const events = {
    load({ load: caller, key = "k", options: own = {} }) {
      const controller = new AbortController();
      controllers.set(caller, controller);
      // A signal only for callers that give up: others wait as most do, without one.
      const signal = trace.some((event) => event.give_up === caller) ? { signal: controller.signal } : {};
      const given = { ...optionsOf({ ...options, ...own }), ...signal };
      answer(caller, cache.getOrSet(key, loader, given));
    },
    finish({ finish, value, ttl, no_store: noStore, nothing, error }) {
      const run = runs[finish - 1];
      assert.ok(run, `there is no run ${finish}`);
      if (error !== undefined) {
        run.reject(new Error(error));
      } else if (nothing) {
        run.resolve(undefined);
      } else if (ttl === undefined && noStore === undefined) {
        run.resolve(value);
      } else {
        run.resolve(loaded(value, { ...(ttl !== undefined && { ttl: time(ttl) }), noStore }));
      }
    },
    set: ({ set, key = "k", value, ttl }) =>
      answer(
        set,
        cache.set(key, value, { ttl: time(ttl) }).then(() => "done"),
      ),
    delete: ({ delete: caller, key = "k" }) => answer(caller, cache.delete(key)),
    clear: ({ clear, pattern }) => answer(clear, cache.clearPattern(pattern)),
    get: ({ get, key = "k" }) => answer(get, cache.get(key)),
    get_many: ({ get_many: caller, keys }) =>
      answer(
        caller,
        cache.getMany(keys).then((values) => values.map((value) => value ?? null)),
      ),
    has: ({ has, key = "k" }) => answer(has, cache.has(key)),
    ttl: ({ ttl, key = "k" }) => answer(ttl, ttlOf(key)),
    count: ({ count: caller }) => answer(caller, count()),
    async advance({ advance }) {
      await pass(advance);
      t.mock.timers.tick(advance);
    },
    give_up({ give_up: caller }) {
      gone.add(caller);
      controllers.get(caller).abort(new Error("gave up"));
    },
    store({ store: state }) {
      store.become(state);
    },
  };
  for (const [at, event] of trace.entries()) {
    const { answers: expected, loads, ...rest } = event;
    const [kind] = Object.keys(EVENTS).filter((one) => one in rest && (one !== "ttl" || Object.keys(rest).length < 3));
    const where = `${name}, event ${at + 1}: ${JSON.stringify(event)}`;
    const unknown = Object.keys(rest).filter((one) => one !== kind && !EVENTS[kind]?.includes(one));
    assert.deepEqual(unknown, [], where);
    await events[kind](rest);
    await settle();
    if (expected !== undefined) {
      assert.deepEqual(answers, expected, where);
      answers = {};
    }
    if (loads !== undefined) {
      assert.equal(runs.length, loads, `loads of ${where}`);
    }
  }
  assert.deepEqual(answers, {}, `${name}: answers at the end`);
  // What still runs must not outlive the case.
  runs.forEach(({ resolve }) => {
    resolve(undefined);
  });
  await settle();
  t.mock.restoreAll();
}

function errorOf(error) {
  if (error instanceof Broken) {
    return "store";
  }
  if (error.name === "LoadTimeoutError") {
    return "timeout";
  }
  return error instanceof TypeError || error instanceof RangeError ? "invalid" : error.message;
}
