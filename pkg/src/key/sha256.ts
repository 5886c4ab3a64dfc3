/**
 * SHA-256 (FIPS 180-4) of a text in UTF-8.
 *
 * `crypto.subtle` is asynchronous, and a library would add 2 kB to the package.
 */

/** The first `count` primes. */
function primes(count: number): number[] {
  const found: number[] = [];
  for (let number = 2; found.length < count; number++) {
    if (found.every((prime) => number % prime !== 0)) {
      found.push(number);
    }
  }
  return found;
}

/** The first 32 bits of the fraction of each root. None is close enough to a 32-bit integer for rounding to matter. */
const fractions = (roots: number[]): Int32Array => Int32Array.from(roots, (root) => ((root % 1) * 2 ** 32) | 0);

let roundConstants: Int32Array | undefined;
let initialHash: Int32Array | undefined;
const schedule = /* @__PURE__ */ new Int32Array(64);

const rotated = (word: number, by: number): number => (word >>> by) | (word << (32 - by));

/** The bytes of a text, followed by the 1 bit and the length, in whole blocks. */
function padded(text: string): DataView {
  // A unit takes at most three bytes; the two of a surrogate pair take four.
  const bytes = new Uint8Array(text.length * 3 + 72);
  let length = 0;
  for (let at = 0; at < text.length; at++) {
    const code = text.codePointAt(at) as number;
    if (code < 0x80) {
      bytes[length++] = code;
      continue;
    }
    if (code < 0x800) {
      bytes[length++] = 0xc0 | (code >> 6);
    } else {
      if (code < 0x10000) {
        bytes[length++] = 0xe0 | (code >> 12);
      } else {
        bytes[length++] = 0xf0 | (code >> 18);
        bytes[length++] = 0x80 | ((code >> 12) & 63);
        at++;
      }
      bytes[length++] = 0x80 | ((code >> 6) & 63);
    }
    bytes[length++] = 0x80 | (code & 63);
  }
  bytes[length] = 0x80;
  const blocks = new DataView(bytes.buffer, 0, (length + 72) & ~63);
  blocks.setUint32(blocks.byteLength - 8, length / 2 ** 29);
  blocks.setUint32(blocks.byteLength - 4, length << 3);
  return blocks;
}

/** The eight words of the hash of a well-formed text. */
export function sha256(text: string): Int32Array {
  roundConstants ??= fractions(primes(64).map(Math.cbrt));
  initialHash ??= fractions(primes(8).map(Math.sqrt));
  const hash = initialHash.slice();
  const blocks = padded(text);
  for (let block = 0; block < blocks.byteLength; block += 64) {
    let a = hash[0] as number;
    let b = hash[1] as number;
    let c = hash[2] as number;
    let d = hash[3] as number;
    let e = hash[4] as number;
    let f = hash[5] as number;
    let g = hash[6] as number;
    let h = hash[7] as number;
    for (let at = 0; at < 64; at++) {
      let word: number;
      if (at < 16) {
        word = blocks.getInt32(block + at * 4);
      } else {
        const early = schedule[at - 15] as number;
        const late = schedule[at - 2] as number;
        word =
          ((schedule[at - 16] as number) +
            (rotated(early, 7) ^ rotated(early, 18) ^ (early >>> 3)) +
            (schedule[at - 7] as number) +
            (rotated(late, 17) ^ rotated(late, 19) ^ (late >>> 10))) |
          0;
      }
      schedule[at] = word;
      const one =
        (h +
          (rotated(e, 6) ^ rotated(e, 11) ^ rotated(e, 25)) +
          ((e & f) ^ (~e & g)) +
          (roundConstants[at] as number) +
          word) |
        0;
      const two = ((rotated(a, 2) ^ rotated(a, 13) ^ rotated(a, 22)) + ((a & b) ^ (a & c) ^ (b & c))) | 0;
      h = g;
      g = f;
      f = e;
      e = (d + one) | 0;
      d = c;
      c = b;
      b = a;
      a = (one + two) | 0;
    }
    hash[0] = (hash[0] as number) + a;
    hash[1] = (hash[1] as number) + b;
    hash[2] = (hash[2] as number) + c;
    hash[3] = (hash[3] as number) + d;
    hash[4] = (hash[4] as number) + e;
    hash[5] = (hash[5] as number) + f;
    hash[6] = (hash[6] as number) + g;
    hash[7] = (hash[7] as number) + h;
  }
  return hash;
}
