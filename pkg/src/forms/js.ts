/** The forms of the engine for bundlers, browsers and edge runtimes: JavaScript, which runs everywhere. */

import instantiate from "./translated.js";
import type { Form } from "./form.js";

export const forms: readonly Form[] = [{ name: "js", instantiate }];
