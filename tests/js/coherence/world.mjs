/**
 * Virtual time for many clients in one process. While a world is installed, timers, `Date.now` and `Math.random` are its own, and
 * each event belongs to one client. A frozen client gets its events when it goes on, as a tab of a browser does.
 */

const real = {
  setImmediate: globalThis.setImmediate,
  setTimeout: globalThis.setTimeout,
  clearTimeout: globalThis.clearTimeout,
  random: Math.random,
  now: Date.now,
};
/** Where virtual time begins, in milliseconds: 0 would count as a clock that stands still. */
const START = 1_000_000;

export class World {
  now = START;
  #queue = [];
  #order = 0;
  /** The client whose code runs. */
  current;

  constructor(random) {
    this.random = random;
  }

  install() {
    globalThis.setTimeout = (act, milliseconds = 0) => this.at(this.now + Math.max(milliseconds, 0), act, this.current);
    globalThis.clearTimeout = (event) => {
      if (event) {
        event.isOver = true;
      }
    };
    Date.now = () => this.now;
    Math.random = () => this.random();
  }

  uninstall() {
    globalThis.setTimeout = real.setTimeout;
    globalThis.clearTimeout = real.clearTimeout;
    Math.random = real.random;
    Date.now = real.now;
  }

  /** Calls `act` at a time, as code of a client if one is given. */
  at(time, act, client) {
    const event = { time: Math.max(time, this.now), order: this.#order++, act, client, isOver: false };
    this.#push(event);
    return event;
  }

  in(milliseconds, act, client) {
    return this.at(this.now + milliseconds, act, client);
  }

  /** Runs what happens until a time. Between events, all promises settle. */
  async run(end) {
    for (;;) {
      const event = this.#queue[0];
      if (event === undefined || event.time > end) {
        this.now = end;
        return;
      }
      this.#pop();
      if (event.isOver) {
        continue;
      }
      const until = event.client?.frozenUntil ?? 0;
      if (until > event.time) {
        // In the order in which they would have happened.
        event.time = until;
        this.#push(event);
        continue;
      }
      this.now = event.time;
      this.current = event.client;
      event.isOver = true;
      event.act();
      await new Promise((resolve) => real.setImmediate(resolve));
      this.current = undefined;
    }
  }

  #push(event) {
    const queue = this.#queue;
    let at = queue.push(event) - 1;
    while (at > 0) {
      const above = (at - 1) >> 1;
      if (!before(event, queue[above])) {
        break;
      }
      queue[at] = queue[above];
      at = above;
    }
    queue[at] = event;
  }

  #pop() {
    const queue = this.#queue;
    const last = queue.pop();
    if (queue.length === 0) {
      return;
    }
    let at = 0;
    for (;;) {
      let below = 2 * at + 1;
      if (below >= queue.length) {
        break;
      }
      if (below + 1 < queue.length && before(queue[below + 1], queue[below])) {
        below++;
      }
      if (!before(queue[below], last)) {
        break;
      }
      queue[at] = queue[below];
      at = below;
    }
    queue[at] = last;
  }
}

const before = (a, b) => a.time < b.time || (a.time === b.time && a.order < b.order);
