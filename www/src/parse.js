/**
 * Files as workloads: one key a line, or an access log in the common or combined format. The first line that is not blank
 * decides which. Throws an `Error` that names the file, the line and what is wrong with it.
 */

export const MAX_FILE_BYTES = 64 * 2 ** 20;
/** The cache's own limit for a key; a line of a log may be longer. */
const MAX_KEY_BYTES = 65_536;
const MAX_LINE_BYTES = 2 ** 20;

const NEWLINE = 10;
/** host, identity, user, [time], "request", status, bytes; the combined format adds referrer and user agent. */
const LOG = /^\S+ \S+ .*?\[[^\]]+\] "((?:[^"\\]|\\.)*)" (?:\d{3}|-) (?:\d+|-)( ".*)?$/;
const REQUEST = /^[A-Z]+ (\S+)(?: HTTP\/\d(?:\.\d)?)?$/;

export const FORMATS = {
  keys: "one key per line",
  common: "access log, common format; the key is the path with its query",
  combined: "access log, combined format; the key is the path with its query",
};

/**
 * Reads a file as a stream, so that the page stays responsive, and gives
 * `{ name, format, names, ids, skipped, firstSkipped }`. Lines of a log that hold no request are skipped and counted.
 */
export async function parseFile(file) {
  const wrong = (what) => new Error(`${file.name}: ${what}`);
  if (file.size === 0) {
    throw wrong("the file is empty");
  }
  if (file.size > MAX_FILE_BYTES) {
    throw wrong(
      `the file has ${count(file.size)} bytes; up to ${count(MAX_FILE_BYTES)} bytes (${megabytes(MAX_FILE_BYTES)}) are read`,
    );
  }
  const lines = new Lines(wrong);
  const reader = file.stream().getReader();
  for (let chunk = await reader.read(); !chunk.done; chunk = await reader.read()) {
    lines.push(chunk.value);
  }
  return { name: file.name, ...lines.end() };
}

class Lines {
  #wrong;
  #decoder = new TextDecoder("utf-8", { fatal: true });
  /** The bytes of a line whose end has not come yet. */
  #rest = new Uint8Array(0);
  /** The number of lines done. */
  #line = 0;
  #format;
  #index = new Map();
  #names = [];
  #ids = new Uint32Array(1024);
  #count = 0;
  #skipped = 0;
  #firstSkipped;

  constructor(wrong) {
    this.#wrong = wrong;
  }

  push(chunk) {
    const bytes = new Uint8Array(this.#rest.length + chunk.length);
    bytes.set(this.#rest);
    bytes.set(chunk, this.#rest.length);
    const end = bytes.lastIndexOf(NEWLINE) + 1;
    this.#rest = bytes.slice(end);
    if (end > 0) {
      this.#block(bytes.subarray(0, end - 1));
    }
    if (this.#rest.length > MAX_LINE_BYTES) {
      this.#checkBytes(this.#rest);
      throw this.#wrong(`line ${this.#line + 1} has more than ${megabytes(MAX_LINE_BYTES)}; is this a text file?`);
    }
  }

  end() {
    if (this.#rest.length > 0) {
      this.#block(this.#rest);
    }
    if (this.#format === undefined) {
      throw this.#wrong(`there is no key in its ${count(this.#line)} lines: all of them are blank`);
    }
    if (this.#count === 0) {
      throw this.#wrong(`there is no usable line; line ${this.#firstSkipped} of the log has no request with a path`);
    }
    return {
      format: this.#format,
      names: this.#names,
      ids: this.#ids.slice(0, this.#count),
      skipped: this.#skipped,
      firstSkipped: this.#firstSkipped,
    };
  }

  /** Whole lines, without the last line's end. */
  #block(bytes) {
    this.#checkBytes(bytes);
    for (const line of this.#decode(bytes).split("\n")) {
      this.#line++;
      const text = line.endsWith("\r") ? line.slice(0, -1) : line;
      if (text.trim() !== "") {
        this.#add(text);
      }
    }
  }

  #add(text) {
    const log = this.#format === "keys" ? null : LOG.exec(text);
    this.#format ??= log === null ? "keys" : log[2] === undefined ? "common" : "combined";
    const key = this.#format === "keys" ? text : log && REQUEST.exec(log[1])?.[1];
    if (!key) {
      this.#skipped++;
      this.#firstSkipped ??= this.#line;
      return;
    }
    let id = this.#index.get(key);
    if (id === undefined) {
      this.#checkLength(key);
      id = this.#names.length;
      this.#index.set(key, id);
      this.#names.push(key);
    }
    if (this.#count === this.#ids.length) {
      const larger = new Uint32Array(2 * this.#count);
      larger.set(this.#ids);
      this.#ids = larger;
    }
    this.#ids[this.#count++] = id;
  }

  #checkLength(key) {
    if (key.length > MAX_KEY_BYTES / 3) {
      const { length } = new TextEncoder().encode(key);
      if (length > MAX_KEY_BYTES) {
        const allowed = `up to ${count(MAX_KEY_BYTES)} are allowed`;
        throw this.#wrong(`line ${this.#line} has a key of ${count(length)} bytes; ${allowed}`);
      }
    }
  }

  /** Throws for control characters that no text has. */
  #checkBytes(bytes) {
    let line = this.#line + 1;
    for (const byte of bytes) {
      if (byte === NEWLINE) {
        line++;
      } else if (byte < 9 || (byte > 13 && byte < 32 && byte !== 27)) {
        const hex = byte.toString(16).padStart(2, "0");
        throw this.#wrong(`line ${line} has the byte 0x${hex}, so this is a binary file; a text file is needed`);
      }
    }
  }

  #decode(bytes) {
    try {
      return this.#decoder.decode(bytes);
    } catch {
      throw this.#wrong(`line ${this.#line + this.#undecodable(bytes)} is not UTF-8 text`);
    }
  }

  /** The number, from 1, of the first line that is not UTF-8. */
  #undecodable(bytes) {
    let number = 1;
    for (let start = 0; start <= bytes.length; number++) {
      const newline = bytes.indexOf(NEWLINE, start);
      const end = newline < 0 ? bytes.length : newline;
      try {
        this.#decoder.decode(bytes.subarray(start, end));
      } catch {
        return number;
      }
      start = end + 1;
    }
    return number;
  }
}

function count(number) {
  return number.toLocaleString("en");
}

function megabytes(bytes) {
  return `${bytes / 2 ** 20} MB`;
}
