/** The form of the engine for `isocache/wasm` where there is no Node: WebAssembly, or an error. */

import type { Form } from "./form.js";
import { compile, instantiate } from "./inline.js";

/** workerd compiles only while a program starts, so that it is too late when the first cache is made. */
const compiled = /* @__PURE__ */ (() =>
  typeof navigator === "object" && navigator.userAgent === "Cloudflare-Workers" ? compile() : undefined)();

export const form: Form = { name: "wasm", instantiate: () => instantiate(compiled) };
