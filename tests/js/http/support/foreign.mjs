/**
 * A server of the Upstash Redis REST protocol for tests, written from the description of the protocol alone. It has no
 * extension of isocache, its clock moves only when told to, and it counts what it is asked.
 */

import { createServer } from "node:http";

const PARSE = "ERR failed to parse pipeline request";

/** Starts it on a free loopback port. */
export async function startForeign({ token = "foreign-token" } = {}) {
  const store = new Store();
  const requests = [];
  // Long keys come in the path. A connection that is idle stays open: its client may be about to use it.
  const server = createServer({ maxHeaderSize: 2 ** 20, keepAliveTimeout: 0 }, async (request, response) => {
    const chunks = [];
    for await (const chunk of request) {
      chunks.push(chunk);
    }
    const body = Buffer.concat(chunks);
    requests.push({ path: request.url, headers: request.headers, body });
    const { status, answer } = state.respond(request, body);
    const text = JSON.stringify(answer);
    response
      .writeHead(status, { "content-type": "application/json", "content-length": Buffer.byteLength(text) })
      .end(text);
  });
  const state = {
    store,
    requests,
    tokens: new Set([token]),
    token,
    /** What it answers; tests put faults in front. */
    respond: (request, body) => respond(state, request, body),
    /** How often a command was carried out. */
    count: (name) => store.counts.get(name) ?? 0,
    reset() {
      store.entries.clear();
      store.counts.clear();
      requests.length = 0;
    },
  };
  await new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, "127.0.0.1", resolve);
  });
  state.url = `http://127.0.0.1:${server.address().port}`;
  state.connections = () => new Promise((resolve) => server.getConnections((_, number) => resolve(number)));
  state.close = () => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  };
  return state;
}

function respond({ store, tokens }, { method, url, headers }, body) {
  const refused = (status, error) => ({ status, answer: { error } });
  if (method !== "POST") {
    return refused(405, "ERR method not allowed");
  }
  if (!tokens.has(headers.authorization?.replace(/^Bearer /, ""))) {
    return refused(401, "WRONGPASS invalid or missing auth token");
  }
  const [path, query] = url.split("?");
  const shown = headers["upstash-encoding"] === "base64" ? base64 : plain;
  if (path === "/pipeline" || path === "/multi-exec") {
    let commands;
    try {
      commands = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(body));
    } catch {
      return refused(400, PARSE);
    }
    if (!Array.isArray(commands) || !commands.every((command) => Array.isArray(command))) {
      return refused(400, PARSE);
    }
    if (path === "/multi-exec" && commands.some(([name]) => !store.knows(name))) {
      return refused(400, "EXECABORT Transaction discarded because of previous errors.");
    }
    return { status: 200, answer: commands.map((command) => answered(store, command.map(bytes), shown)) };
  }
  const command = path
    .slice(1)
    .split("/")
    .map((part) => Buffer.from(decodeURIComponent(part)));
  const options =
    query === undefined ? [] : query.split("&").flatMap((pair) => pair.split("=").map(decodeURIComponent));
  const answer = answered(store, [...command, ...(body.length > 0 ? [body] : []), ...options.map(bytes)], shown);
  return { status: "error" in answer ? 400 : 200, answer };
}

const bytes = (argument) => Buffer.from(typeof argument === "string" ? argument : JSON.stringify(argument));

function answered(store, command, shown) {
  try {
    return { result: shown(store.run(command), true) };
  } catch (error) {
    return { error: error.message };
  }
}

function plain(result) {
  if (Buffer.isBuffer(result)) {
    return result.toString();
  }
  return Array.isArray(result) ? result.map(plain) : result;
}

function base64(result, isWhole) {
  if (typeof result === "string" || Buffer.isBuffer(result)) {
    return isWhole === true && `${result}` === "OK" ? "OK" : Buffer.from(result).toString("base64");
  }
  return Array.isArray(result) ? result.map((one) => base64(one, false)) : result;
}

/** Keys are texts of one character a byte. */
class Store {
  now = 1_000_000;
  entries = new Map();
  counts = new Map();
  #written = 0;

  knows(name) {
    return `${name}`.toUpperCase() in this.#commands;
  }

  run([name, ...args]) {
    const word = `${name}`.toUpperCase();
    if (!this.knows(word)) {
      throw new Error(`ERR unknown command '${name}', with args beginning with: `);
    }
    this.counts.set(word, (this.counts.get(word) ?? 0) + 1);
    return this.#commands[word](...args);
  }

  #live(key) {
    const name = key.toString("latin1");
    const entry = this.entries.get(name);
    if (entry !== undefined && entry.deadline <= this.now) {
      this.entries.delete(name);
      return undefined;
    }
    return entry;
  }

  #all() {
    return [...this.entries.keys()].filter((key) => this.#live(Buffer.from(key, "latin1")) !== undefined);
  }

  #remove(keys) {
    return keys.filter((key) => this.#live(key) && this.entries.delete(key.toString("latin1"))).length;
  }

  #countWithin(key, by, floor, ceiling, ttl) {
    const count = Math.max(Number(this.#live(key)?.value ?? 0), floor);
    if (count + by > ceiling) {
      return [0, Buffer.from(`${count}`)];
    }
    const deadline = ttl === 0 ? Infinity : this.now + ttl;
    this.entries.set(key.toString("latin1"), { value: Buffer.from(`${count + by}`), deadline });
    return [1, Buffer.from(`${count + by}`)];
  }

  #commands = {
    GET: (key) => this.#live(key)?.value ?? null,
    MGET: (...keys) => keys.map((key) => this.#live(key)?.value ?? null),
    EXISTS: (...keys) => keys.filter((key) => this.#live(key)).length,
    DEL: (...keys) => this.#remove(keys),
    UNLINK: (...keys) => this.#remove(keys),
    GETRANGE: (key, from, to) => this.#live(key)?.value.subarray(Number(from), Number(to) + 1) ?? "",
    // The scripts that it has: one removes a key that holds a value, one stores another value, also from hexadecimal, and one
    // counts within bounds.
    EVAL: (script, _count, key, ...args) => {
      const text = `${script}`;
      const decoded = (arg) => (text.includes("tonumber(c, 16)") ? Buffer.from(`${arg}`, "hex") : arg);
      if (text.includes("ceiling")) {
        return this.#countWithin(key, ...args.map(Number));
      }
      if (text.includes("pcall('GET'")) {
        const [expected, value] = args.slice(0, 2).map(decoded);
        const isSame = this.#live(key)?.value.equals(expected) ?? false;
        if (isSame) {
          this.#commands.SET(key, value, ...(args[2] ? ["PX", args[2]] : []));
        }
        return Number(isSame);
      }
      return this.#live(key)?.value.equals(args[0]) ? this.#remove([key]) : 0;
    },
    GETDEL: (key) => {
      const value = this.#live(key)?.value ?? null;
      this.#remove([key]);
      return value;
    },
    GETEX: (key, option, ms) => {
      const entry = this.#live(key);
      if (entry) {
        entry.deadline = `${option}` === "PERSIST" ? Infinity : this.now + Number(ms);
      }
      return entry?.value ?? null;
    },
    PEXPIRE: (key, ms) => {
      const entry = this.#live(key);
      if (entry) {
        entry.deadline = this.now + Number(ms);
      }
      return entry ? 1 : 0;
    },
    PERSIST: (key) => {
      const entry = this.#live(key);
      const had = entry !== undefined && entry.deadline < Infinity;
      if (entry) {
        entry.deadline = Infinity;
      }
      return had ? 1 : 0;
    },
    SET: (key, value, ...options) => {
      let [deadline, isNew, isOld] = [Infinity, false, false];
      for (let at = 0; at < options.length; at++) {
        const option = `${options[at]}`.toUpperCase();
        if (option === "NX") {
          isNew = true;
        } else if (option === "XX") {
          isOld = true;
        } else if (option === "PX" && /^[1-9]\d*$/.test(`${options[at + 1]}`)) {
          deadline = this.now + Number(options[++at]);
        } else {
          throw new Error("ERR syntax error");
        }
      }
      if (value === undefined) {
        throw new Error("ERR wrong number of arguments for 'set' command");
      }
      const name = key.toString("latin1");
      if ((isNew && this.#live(key)) || (isOld && !this.#live(key))) {
        return null;
      }
      this.entries.delete(name);
      this.entries.set(name, { value, deadline, written: ++this.#written });
      return "OK";
    },
    INCRBY: (key, by) => {
      const entry = this.#live(key) ?? { value: "0", deadline: Infinity, written: ++this.#written };
      if (!/^-?\d+$/.test(`${entry.value}`)) {
        throw new Error("ERR value is not an integer or out of range");
      }
      const sum = BigInt(`${entry.value}`) + BigInt(`${by}`);
      if (sum >= 2n ** 63n || sum < -(2n ** 63n)) {
        throw new Error("ERR increment or decrement would overflow");
      }
      this.entries.set(key.toString("latin1"), { ...entry, value: Buffer.from(`${sum}`) });
      return sum > BigInt(Number.MAX_SAFE_INTEGER) || sum < -BigInt(Number.MAX_SAFE_INTEGER) ? `${sum}` : Number(sum);
    },
    PTTL: (key) => {
      const entry = this.#live(key);
      return entry === undefined ? -2 : entry.deadline === Infinity ? -1 : entry.deadline - this.now;
    },
    // A cursor is the last entry that was looked at: what is removed meanwhile moves nothing.
    SCAN: (cursor, _match, pattern, _count, count) => {
      const rest = [...this.entries].filter(([, { written }]) => written > Number(cursor));
      rest.sort(([, a], [, b]) => a.written - b.written);
      const seen = rest.slice(0, Number(count));
      const next = seen.length < rest.length ? `${seen.at(-1)[1].written}` : "0";
      const found = seen.map(([key]) => Buffer.from(key, "latin1")).filter((key) => this.#live(key));
      const fits = matcher(pattern);
      return [next, found.filter(fits)];
    },
    DBSIZE: () => this.#all().length,
    INFO: () => {
      const keys = this.#all();
      const dying = keys.filter((key) => this.entries.get(key).deadline < Infinity).length;
      return `# Keyspace\r\n${keys.length > 0 ? `db0:keys=${keys.length},expires=${dying},avg_ttl=0\r\n` : ""}`;
    },
  };
}

/** Whether a key fits a pattern of `* ? [a-z^] \`, byte by byte: back to the last star where it does not. */
function matcher(pattern) {
  const tokens = tokensOf(pattern);
  return (key) => matches(tokens, key);
}

function matches(tokens, key) {
  let [at, place, star, tried] = [0, 0, -1, 0];
  while (at < key.length) {
    if (tokens[place] === "*") {
      [star, tried] = [place++, at];
    } else if (tokens[place]?.(key[at])) {
      [at, place] = [at + 1, place + 1];
    } else if (star >= 0) {
      [at, place] = [++tried, star + 1];
    } else {
      return false;
    }
  }
  return tokens.length === place || (tokens.length === place + 1 && tokens[place] === "*");
}

/** Redis compares bytes as signed numbers. */
const signed = (byte) => (byte << 24) >> 24;

function tokensOf(pattern) {
  const [STAR, ANY, OPEN, CLOSE, NOT, ESCAPE, DASH] = Buffer.from("*?[]^\\-");
  const tokens = [];
  for (let at = 0; at < pattern.length; at++) {
    const byte = pattern[at];
    if (byte === STAR) {
      if (tokens.at(-1) !== "*") {
        tokens.push("*");
      }
    } else if (byte === ANY) {
      tokens.push(() => true);
    } else if (byte === OPEN) {
      const isNot = pattern[at + 1] === NOT;
      at += isNot ? 1 : 0;
      const ranges = [];
      // A class that is not closed reaches to the end of the pattern.
      for (at++; at < pattern.length && pattern[at] !== CLOSE; at++) {
        if (pattern[at] === ESCAPE && at + 1 < pattern.length) {
          at++;
          ranges.push([signed(pattern[at]), signed(pattern[at])]);
        } else if (pattern[at + 1] === DASH && at + 2 < pattern.length) {
          ranges.push([pattern[at], pattern[at + 2]].map(signed).sort((a, b) => a - b));
          at += 2;
        } else {
          ranges.push([signed(pattern[at]), signed(pattern[at])]);
        }
      }
      tokens.push((byte) => ranges.some(([from, to]) => signed(byte) >= from && signed(byte) <= to) !== isNot);
    } else {
      const letter = byte === ESCAPE && at + 1 < pattern.length ? pattern[++at] : byte;
      tokens.push((byte) => byte === letter);
    }
  }
  return tokens;
}
