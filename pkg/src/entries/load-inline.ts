/** Starts the wasm from the text that the build has put beside this file: no file to find, nothing to fetch. */

import { start } from "../wasm.js";
import hex from "./wasm-hex.js";

// Hexadecimal, not base64: three bytes in four characters hide from a compressor what repeats. Over the wire, hex comes
// out a quarter smaller.
const bytes = new Uint8Array(hex.length / 2);
for (let at = 0; at < bytes.length; at++) {
  bytes[at] = Number.parseInt(hex.substr(at * 2, 2), 16);
}
start(bytes);
