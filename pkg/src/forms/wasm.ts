/** The form of the engine for `isocache/wasm` outside Node: WebAssembly, or an error. */

import type { Form } from "./form.js";
import { compile, instantiate } from "./inline.js";

/** workerd compiles only while a program starts; when the first cache is created, it is too late. */
const compiled = /* @__PURE__ */ (() =>
  typeof navigator === "object" && navigator.userAgent === "Cloudflare-Workers" ? compile() : undefined)();

export const form: Form = { name: "wasm", instantiate: () => instantiate(compiled) };
