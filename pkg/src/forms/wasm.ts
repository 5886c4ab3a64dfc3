/** The forms of the engine for `isocache/wasm` where there is no Node: WebAssembly, or an error. */

import type { Form } from "./form.js";
import { compile, instantiate } from "./inline.js";

/** workerd compiles only while the program starts, so nothing can wait for the first cache there. */
const compiled =
  /* @__PURE__ */ (() =>
    typeof navigator === "object" && navigator.userAgent === "Cloudflare-Workers" ? compile() : undefined)();

export const forms: readonly Form[] = [{ name: "wasm", instantiate: (imports) => instantiate(imports, compiled) }];
