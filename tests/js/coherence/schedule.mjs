/**
 * One schedule of operations and faults, made from a seed: some clients, each with the real `TieredCache` over the real
 * `HttpCache`, and a model of the bridge. Every read is checked: what it brings was stored at some time between the bound before
 * it began and its end.
 */

import { random } from "../support/random.mjs";
import { Network } from "./network.mjs";
import { Store } from "./store.mjs";
import { World } from "./world.mjs";

/** In milliseconds. */
const HEARTBEAT = 1000;
const LENGTH = 10_000;
const SLOW = 300;
const KEYS = ["a", "b", "c", "d"];
const TAGGED = ["t1", "t2"];
const TAGS = ["x", "y"];
/** How many operations a schedule has, beside reads at about the same time. */
const OPERATIONS = 45;

/** Runs a schedule. Returns the reads that were older than the bound, and what happened. */
export async function runSchedule(seed, classes) {
  const next = random(seed);
  const world = new World(() => next(1_000_000) / 1_000_000);
  const store = new Store(world);
  world.install();
  try {
    return await new Schedule(seed, next, world, store, classes).run();
  } finally {
    world.uninstall();
  }
}

class Schedule {
  violations = [];
  errors = [];
  counts = { reads: 0, loads: 0, nearHits: 0, resets: 0, faults: 0, failures: 0 };
  #values = 0;

  constructor(seed, next, world, store, classes) {
    Object.assign(this, { seed, next, world, store, classes });
    this.kinds = {
      stalls: this.chance(30),
      lossy: this.chance(30),
      slow: this.chance(25),
      restarts: this.chance(30),
      flushes: this.chance(20),
      outages: this.chance(15),
      cuts: this.chance(40),
      gone: this.chance(25),
      freezes: this.chance(25),
      cleared: this.chance(20),
    };
    store.announcesExpiry = this.chance(50);
    this.clients = Array.from({ length: 2 + next(3) }, (_, at) => this.#client(at));
    const { stalls, freezes } = this.kinds;
    const slowest = Math.max(...this.clients.map(({ network }) => network.delay));
    // What piles up in a pause that is shorter than two heartbeats is taken for new.
    this.bound = slowest + (stalls || freezes ? 2 * HEARTBEAT : 0) + (freezes ? 2 * HEARTBEAT : 0);
  }

  chance(percent) {
    return this.next(100) < percent;
  }

  #client(number) {
    const client = { number, frozenUntil: 0 };
    client.network = new Network(this.world, this.store, client, HEARTBEAT);
    client.network.delay = this.kinds.slow && this.chance(50) ? SLOW : 5 + this.next(30);
    client.network.lossy = this.kinds.lossy ? 0.3 : 0;
    const { Cache, HttpCache, TieredCache, Tagged } = this.classes;
    const far = new HttpCache({ url: "https://bridge.example", fetch: client.network.fetch, timeout: "1s" });
    client.tiers = new TieredCache({ far, near: { maxEntries: 3 + this.next(20) } });
    client.tagged = new Tagged(client.tiers);
    client.cache = new Cache({ provider: client.tiers });
    // The values that its loaders have brought, and when.
    client.loaded = new Map();
    return client;
  }

  async run() {
    const { world, next } = this;
    const begin = world.now;
    const end = begin + LENGTH;
    for (let at = begin; at < end; at += HEARTBEAT) {
      world.at(at, () => this.store.isDown || this.store.heartbeat());
    }
    for (let one = 0; one < OPERATIONS; one++) {
      const client = this.clients[next(this.clients.length)];
      const time = begin + next(LENGTH);
      world.at(time, () => this.#operate(client), client);
      if (this.chance(40)) {
        // Reads by all at about the same time are where races are.
        for (const other of this.clients) {
          world.at(time + next(60), () => this.#read(other, KEYS[next(KEYS.length)]), other);
        }
      }
    }
    for (let at = 0; at < OPERATIONS / 10; at++) {
      world.at(begin + next(LENGTH), () => this.#change());
    }
    this.#plan(begin);
    await world.run(end);
    this.isOver = true;
    for (const { tiers } of this.clients) {
      const { nearHits, resets } = tiers.tierStats();
      this.counts.nearHits += nearHits;
      this.counts.resets += resets;
      tiers.close();
    }
    // What is still under way ends.
    await world.run(end + 2 * HEARTBEAT);
    const [error] = this.errors;
    if (error !== undefined) {
      throw new Error(`seed ${this.seed}: ${error.message}`, { cause: error });
    }
    return { violations: this.violations, counts: this.counts };
  }

  /** What fails has failed as operations of a cache do; anything else is an error of the model or of the cache. */
  #fail(error) {
    this.counts.failures++;
    if (error?.name !== "CacheError" && !this.isOver) {
      this.errors.push(error);
    }
  }

  /** The faults. */
  #plan(begin) {
    const { world, next, store, kinds, clients } = this;
    const some = (isOn, most, act) => {
      for (let count = isOn ? 1 + next(most) : 0; count > 0; count--) {
        this.counts.faults++;
        world.at(begin + next(LENGTH), () => act(clients[next(clients.length)]));
      }
    };
    some(kinds.cuts, 4, ({ network }) => network.cut());
    some(kinds.gone, 2, (client) => {
      const { network } = client;
      network.goneUntil = world.now + next(3 * HEARTBEAT);
      network.cut();
      for (let at = 0; at < 20; at++) {
        // While it connects again.
        world.at(network.goneUntil + next(800), () => this.#read(client, KEYS[next(KEYS.length)]), client);
      }
    });
    some(kinds.stalls, 2, ({ network }) => {
      network.halfOpenUntil = world.now + next(6 * HEARTBEAT);
    });
    some(kinds.freezes, 2, (client) => {
      client.frozenUntil = Math.min(world.now + next(6 * HEARTBEAT), begin + LENGTH - 1);
    });
    some(kinds.restarts, 2, () => store.begin());
    some(kinds.flushes, 2, () => store.flush());
    some(kinds.outages, 1, () => {
      store.isDown = true;
      store.begin();
      world.in(next(3 * HEARTBEAT), () => {
        store.isDown = false;
      });
    });
  }

  /** A change in the store by somebody else. */
  #change() {
    const key = KEYS[this.next(KEYS.length)];
    if (!this.store.isDown) {
      this.store.run(this.chance(70) ? ["SET", key, JSON.stringify(this.#value())] : ["UNLINK", key]);
    }
  }

  #value() {
    return `v${this.#values++}`;
  }

  #operate(client) {
    if (this.isOver) {
      return;
    }
    const { tiers, tagged } = client;
    const key = KEYS[this.next(KEYS.length)];
    const tag = TAGS[this.next(TAGS.length)];
    const luck = this.next(100);
    const settled = (promise) => Promise.resolve(promise).catch((error) => this.#fail(error));
    if (luck < 40) {
      this.#read(client, key);
    } else if (luck < 60) {
      const ttl = this.chance(40) ? { ttl: `${200 + this.next(4000)}ms` } : { ttl: null };
      settled(attempt(() => tiers.set(key, this.#value(), ttl)));
      if (this.chance(20)) {
        // Two writes of one client that overlap.
        settled(attempt(() => tiers.set(key, this.#value(), ttl)));
      }
      if (this.kinds.lossy) {
        // Before the first is carried out that seems to have failed.
        this.world.in(this.next(800), () => settled(attempt(() => tiers.set(key, this.#value(), ttl))), client);
        for (let at = 0; at < 3; at++) {
          this.world.in(this.next(4000), () => this.#read(client, key), client);
        }
      }
    } else if (luck < 66) {
      settled(attempt(() => tiers.delete(key)));
    } else if (luck < 70) {
      settled(attempt(() => tiers.setIfAbsent(key, this.#value(), { ttl: null })));
    } else if (luck < 74) {
      settled(attempt(() => tiers.increment("n", 1, { ttl: null })));
      this.#read(client, "n");
    } else if (luck < 76 && this.kinds.cleared) {
      settled(attempt(() => tiers.clearPattern("*")));
    } else if (luck < 84) {
      const options = { ttl: null, tags: [tag] };
      settled(attempt(() => tagged.set(TAGGED[this.next(TAGGED.length)], this.#value(), options)));
    } else if (luck < 90) {
      settled(attempt(() => tagged.invalidateTags([tag])));
    } else if (luck < 96) {
      this.#readTagged(client, TAGGED[this.next(TAGGED.length)]);
    } else {
      // Loads that overlap: what a later one gets from an earlier one is where races are.
      this.#load(client, key);
      for (let more = this.next(6); more > 0; more--) {
        this.world.in(this.next(600), () => this.#load(client, key), client);
      }
      this.world.in(this.next(600), () => this.store.isDown || this.store.run(["UNLINK", key]));
    }
  }

  #read({ tiers, number }, key) {
    if (this.isOver) {
      return;
    }
    const began = this.world.now;
    const check = (value) => {
      this.counts.reads++;
      const wanted = value === undefined ? null : JSON.stringify(value);
      const isNumber = typeof value === "number";
      const held = (stored) => stored === wanted || (isNumber && Number(stored) === value);
      if (!this.store.heldWithin(key, began - this.bound, this.world.now, held)) {
        this.violations.push({ seed: this.seed, client: number, key, value, began, ended: this.world.now });
      }
    };
    Promise.resolve(attempt(() => tiers.get(key))).then(check, (error) => this.#fail(error));
  }

  /** A value is right if the store had it within the bound, or if a loader of this client has ended with it since. */
  #load({ cache, number, loaded }, key) {
    if (this.isOver) {
      return;
    }
    const began = this.world.now;
    const takes = this.next(200);
    const loader = async () => {
      await new Promise((resolve) => setTimeout(resolve, takes));
      const value = this.#value();
      loaded.set(value, this.world.now);
      return value;
    };
    const options = { ttl: this.chance(50) ? null : `${200 + this.next(4000)}ms`, timeout: null, onError: "propagate" };
    const check = (value) => {
      this.counts.reads++;
      this.counts.loads++;
      const held = (stored) => stored === JSON.stringify(value);
      const isRight =
        loaded.get(value) >= began || this.store.heldWithin(key, began - this.bound, this.world.now, held);
      if (!isRight) {
        this.violations.push({ seed: this.seed, client: number, key, value, began, ended: this.world.now });
      }
    };
    const lease = this.chance(50) ? { lease: "500ms" } : {};
    attempt(() => cache.getOrSet(key, loader, { ...options, ...lease })).then(check, (error) => this.#fail(error));
  }

  /** An entry is there if it was stored, and its tags had its generations, each at some time within the bound. */
  #readTagged({ tagged, number }, key) {
    const began = this.world.now;
    const check = (value) => {
      this.counts.reads++;
      const within = (name, judge) => this.store.heldWithin(name, began - this.bound, this.world.now, judge);
      const isRight = within(key, (stored) => {
        const { value: held, tags = {} } = stored === null ? {} : JSON.parse(stored);
        const moved = (of) => (isSame) => (count) => (Number(count ?? 0) === tags[of]) === isSame;
        return value === undefined
          ? stored === null || Object.keys(tags).some((tag) => within(`tag:${tag}`, moved(tag)(false)))
          : held === value && Object.keys(tags).every((tag) => within(`tag:${tag}`, moved(tag)(true)));
      });
      if (!isRight) {
        this.violations.push({ seed: this.seed, client: number, key, value, began, ended: this.world.now });
      }
    };
    Promise.resolve(attempt(() => tagged.get(key))).then(check, (error) => this.#fail(error));
  }
}

/** The outcome of an operation that may throw at once. */
async function attempt(act) {
  return act();
}
