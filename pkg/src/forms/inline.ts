/** The WebAssembly, as text that the build inserts: no file to find, nothing to fetch. */

import { failureOf } from "./failure.js";
import hex from "./hex.js";

// Hexadecimal, not base64: three bytes in four characters hide repetition from a compressor. Compressed, hexadecimal is a
// quarter smaller.
export function compile(): WebAssembly.Module {
  const bytes = new Uint8Array(hex.length / 2);
  for (let at = 0; at < bytes.length; at++) {
    bytes[at] = Number.parseInt(hex.substr(at * 2, 2), 16);
  }
  return new WebAssembly.Module(bytes);
}

/** @throws Error that says why WebAssembly does not run here. */
export function instantiate(compiled?: WebAssembly.Module): WebAssembly.Exports {
  try {
    return new WebAssembly.Instance(compiled ?? compile()).exports;
  } catch (error) {
    throw failureOf(error);
  }
}
