/** What is between a client and the store: a `fetch` whose requests take time, get lost, arrive twice or late. */

/** The longest time that a response takes, now and then, in milliseconds. */
const SLOW_RESPONSE = 800;
/** The longest time between two commands of a request, in milliseconds. */
const BETWEEN = 20;

const headers = (all) => ({ get: (name) => all[name] ?? null });
const broken = () =>
  new TypeError("fetch failed", { cause: Object.assign(new Error("reset"), { code: "ECONNRESET" }) });

function deferred() {
  const parts = {};
  parts.promise = new Promise((resolve, reject) => Object.assign(parts, { resolve, reject }));
  return parts;
}

export class Network {
  #world;
  #store;
  #client;
  #heartbeat;
  /** The longest time that anything takes, in milliseconds. */
  delay = 20;
  /** Until when nothing arrives, and nobody notices. */
  halfOpenUntil = 0;
  /** Until when no connection can be made. */
  goneUntil = 0;
  /** The part of requests that break. */
  lossy = 0;
  #streams = new Set();
  #arrival = {};

  constructor(world, store, client, heartbeat) {
    this.#world = world;
    this.#store = store;
    this.#client = client;
    this.#heartbeat = heartbeat;
  }

  fetch = (url, init) => (init.method === "GET" ? this.#stream(url, init) : this.#request(init));

  /** Breaks all streams. */
  cut() {
    for (const stream of this.#streams) {
      stream.break();
    }
  }

  get #isDown() {
    return this.#store.isDown || this.#world.now < this.goneUntil;
  }

  get #isHalfOpen() {
    return this.#world.now < this.halfOpenUntil;
  }

  /** The arrival of what is sent now; `way` keeps its order. */
  #arrivalOf(way) {
    way.last = Math.max(way.last ?? 0, this.#world.now + this.#world.random() * this.delay);
    return way.last;
  }

  #request(init) {
    const { promise, resolve, reject } = deferred();
    promise.catch(() => undefined);
    init.signal.addEventListener("abort", () => reject(new DOMException("aborted", "AbortError")));
    const origin = init.headers["isocache-origin"];
    const commands = JSON.parse(init.body);
    const position = { at: undefined };
    // As in a bridge before Redis, one command after the other: a later one may find what an earlier one has not seen.
    const carryOut = (done = () => undefined, results = []) => {
      position.at ??= this.#store.position;
      results.push({ result: this.#store.run(commands[results.length], origin) });
      if (results.length === commands.length) {
        done(results);
      } else {
        this.#world.in(this.#world.random() * BETWEEN, () => carryOut(done, results));
      }
    };
    const luck = this.#world.random();
    const way = this.#world.random() * this.delay;
    if (this.#isHalfOpen && luck < 0.7) {
      // It arrives when the line is back, or never.
      if (luck < 0.4) {
        this.#world.at(this.halfOpenUntil + way, () => this.#store.isDown || carryOut());
      }
      return promise;
    }
    this.#world.in(way, () => {
      if (this.#isDown) {
        this.#world.in(1, () => reject(broken()), this.#client);
        return;
      }
      if (luck < this.lossy / 2) {
        // It is carried out later, when the client has given it up.
        this.#world.in(1 + this.#world.random() * 3000, () => carryOut());
        this.#world.in(1, () => reject(broken()), this.#client);
        return;
      }
      carryOut((results) => {
        const body = JSON.stringify(results);
        if (luck < this.lossy) {
          this.#world.in(1, () => reject(broken()), this.#client);
          return;
        }
        const all = { "content-type": "application/json", "content-length": `${body.length}` };
        const told = { ...all, "isocache-extensions": "clear,cas", "isocache-position": position.at };
        const response = { status: 200, type: "basic", headers: headers(told), body: null, text: async () => body };
        // A response may take longer than an announcement.
        const longest = this.#world.random() < 1 / 30 ? SLOW_RESPONSE : this.delay;
        this.#world.in(this.#world.random() * longest, () => resolve(response), this.#client);
      });
    });
    return promise;
  }

  #stream(url, { signal }) {
    const world = this.#world;
    const query = new URL(url).searchParams;
    const { promise, resolve, reject } = deferred();
    promise.catch(() => undefined);
    const chunks = [];
    const way = {};
    let waiting;
    let isOver = false;
    let isDead = false;
    const next = () => {
      if (waiting !== undefined && chunks.length > 0) {
        const { resolve: settle, reject: fail } = waiting;
        waiting = undefined;
        const chunk = chunks.shift();
        chunk instanceof Error ? fail(chunk) : settle(chunk);
      }
    };
    const arrive = (chunk) => {
      if (!isOver) {
        world.at(
          this.#arrivalOf(way),
          () => {
            chunks.push(chunk);
            next();
          },
          this.#client,
        );
      }
    };
    const reader = {
      origin: query.get("origin") ?? undefined,
      tell: (name, position, data) => {
        // A connection that has lost something brings nothing more.
        isDead ||= this.#isHalfOpen;
        if (!isDead) {
          const text = `id: ${position}\nevent: ${name}\ndata: ${JSON.stringify(data)}\n\n`;
          arrive({ done: false, value: new TextEncoder().encode(text) });
        }
      },
      end: () => isDead || arrive({ done: true }),
    };
    const over = () => {
      isOver = true;
      this.#streams.delete(stream);
      this.#store.readers.delete(reader);
    };
    const stream = {
      break: () => {
        if (!isDead) {
          arrive(broken());
        }
        over();
      },
    };
    signal.addEventListener("abort", () => {
      const error = new DOMException("aborted", "AbortError");
      over();
      reject(error);
      waiting?.reject(error);
    });
    world.at(this.#arrivalOf(this.#arrival), () => {
      if (this.#isHalfOpen || isOver) {
        return;
      }
      if (this.#isDown) {
        world.in(1, () => reject(broken()), this.#client);
        return;
      }
      const body = {
        getReader: () => ({
          read: () => {
            const { promise: chunk, ...settle } = deferred();
            waiting = settle;
            next();
            return chunk;
          },
          cancel: async () => undefined,
        }),
      };
      const all = headers({ "content-type": "text/event-stream" });
      this.#streams.add(stream);
      world.at(this.#arrivalOf(way), () => resolve({ status: 200, type: "basic", headers: all, body }), this.#client);
      this.#store.read(reader, query.get("since") ?? undefined, this.#heartbeat);
    });
    return promise;
  }
}
