/** A model of the bridge and its store: commands, expiry, and the log of changes with its streams. It remembers every state. */

const RING = 40;

export class Store {
  #world;
  #entries = new Map();
  /** What was stored under each key, with the time from which on. */
  history = new Map();
  #epochs = 0;
  #log;
  #lastOrigins = new Map();
  readers = new Set();
  isDown = false;
  /** Whether an entry that expires is announced then, as the bridge's own store does, or not, as Redis does until it looks. */
  announcesExpiry = true;

  constructor(world) {
    this.#world = world;
    this.begin();
  }

  get position() {
    return `${this.#log.epoch}-${this.#log.sequence}`;
  }

  /** A new epoch: the bridge starts, or has lost its connection to Redis. Streams end. */
  begin() {
    this.#log = { epoch: (0xabc0 + this.#epochs++).toString(16), sequence: 0, changes: [], forgotten: 0 };
    for (const reader of this.readers) {
      reader.end();
    }
    this.readers.clear();
  }

  /** Carries out a command. Returns its reply as JSON has it. */
  run([name, key, ...args], origin) {
    switch (name) {
      case "GET":
        return this.#get(key);
      case "MGET":
        return [key, ...args].map((one) => this.#get(one));
      case "EXISTS":
        return Number(this.#get(key) !== null);
      case "GETRANGE":
        return (this.#get(key) ?? "").slice(Number(args[0]), Number(args[1]) + 1);
      case "PTTL": {
        this.#get(key);
        const entry = this.#entries.get(key);
        return entry === undefined ? -2 : entry.end === Infinity ? -1 : entry.end - this.#world.now;
      }
      case "SET": {
        const [value, ...options] = args;
        const isThere = this.#get(key) !== null;
        if ((options.includes("NX") && isThere) || (options.includes("XX") && !isThere)) {
          return null;
        }
        const at = options.indexOf("PX");
        this.#put(key, value, at < 0 ? Infinity : this.#world.now + Number(options[at + 1]), origin);
        return "OK";
      }
      case "UNLINK":
        return [key, ...args].filter((one) => this.#get(one) !== null && this.#remove(one, origin)).length;
      case "GETDEL": {
        const value = this.#get(key);
        value !== null && this.#remove(key, origin);
        return value;
      }
      case "INCRBY": {
        const sum = Number(this.#get(key) ?? 0) + Number(args[0]);
        this.#put(key, `${sum}`, this.#entries.get(key)?.end ?? Infinity, origin);
        return sum;
      }
      case "ISOCACHE.RELEASE":
        return Number(this.#get(key) === args[0] && this.#remove(key, origin));
      case "ISOCACHE.CLEAR": {
        const start = key.replace(/\*$/, "");
        const found = [...this.#entries.keys()].filter((one) => one.startsWith(start) && this.#get(one) !== null);
        for (const one of found) {
          this.#remove(one, origin);
        }
        return found.length;
      }
      default:
        throw new Error(`the model has no ${name}`);
    }
  }

  /** Empties the store. */
  flush() {
    for (const key of this.#entries.keys()) {
      this.#record(key, null);
    }
    this.#entries.clear();
    this.#lastOrigins.clear();
    this.#log.sequence++;
    this.#log.changes.push({ sequence: this.#log.sequence, key: undefined });
    for (const reader of this.readers) {
      reader.tell("invalidate", this.position, { all: true });
    }
  }

  /** Every reader is told that it was told everything. */
  heartbeat() {
    for (const reader of this.readers) {
      reader.tell("heartbeat", this.position, {});
    }
  }

  /** Begins a stream of events for a reader. */
  read(reader, since, heartbeat) {
    this.readers.add(reader);
    reader.tell("hello", since ?? this.position, { heartbeat });
    if (since === undefined) {
      return;
    }
    const [epoch, sequence] = since.split("-");
    const log = this.#log;
    const isKnown = epoch === log.epoch && Number(sequence) >= log.forgotten && Number(sequence) <= log.sequence;
    const missed = log.changes.filter((change) => change.sequence > Number(sequence));
    if (!isKnown || missed.some(({ key }) => key === undefined)) {
      reader.tell("reset", this.position, {});
    } else if (missed.length > 0) {
      reader.tell("invalidate", this.position, this.#named([...new Set(missed.map(({ key }) => key))], reader.origin));
    } else {
      reader.tell("heartbeat", this.position, {});
    }
  }

  /** Whether a key held one of some values at some time of a span. `judge` gets what was stored, or `null`. */
  heldWithin(key, from, to, judge) {
    const states = this.history.get(key) ?? [];
    if ((states[0]?.time ?? Infinity) >= from && judge(null)) {
      return true;
    }
    return states.some(({ time, value }, at) => {
      const end = states[at + 1]?.time ?? Infinity;
      return time <= to && end >= from && judge(value);
    });
  }

  #get(key) {
    const entry = this.#entries.get(key);
    return entry === undefined || entry.end <= this.#world.now ? null : entry.value;
  }

  #put(key, value, end, origin) {
    const entry = { value, end };
    this.#entries.set(key, entry);
    this.#record(key, value);
    this.#announce(key, origin);
    if (end !== Infinity) {
      this.#world.at(end, () => {
        if (this.#entries.get(key) === entry) {
          this.#entries.delete(key);
          this.#record(key, null);
          if (this.announcesExpiry) {
            this.#announce(key, undefined);
          }
        }
      });
    }
  }

  #remove(key, origin) {
    this.#entries.delete(key);
    this.#record(key, null);
    this.#announce(key, origin);
    return true;
  }

  #record(key, value) {
    const states = this.history.get(key) ?? [];
    states.push({ time: this.#world.now, value });
    this.history.set(key, states);
  }

  #announce(key, origin) {
    const log = this.#log;
    log.sequence++;
    this.#lastOrigins.set(key, origin);
    log.changes.push({ sequence: log.sequence, key });
    if (log.changes.length > RING) {
      log.forgotten = log.changes.shift().sequence;
    }
    for (const reader of this.readers) {
      reader.tell("invalidate", this.position, this.#named([key], reader.origin));
    }
  }

  #named(keys, origin) {
    const own = keys.filter((key) => origin !== undefined && this.#lastOrigins.get(key) === origin);
    return own.length > 0 ? { keys, own } : { keys };
  }
}
