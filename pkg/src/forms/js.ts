/** The form of the engine for bundlers, browsers and edge runtimes: JavaScript, which runs everywhere. */

import type { Form } from "./form.js";
import instantiate from "./translated.js";

export const form: Form = { name: "js", instantiate };
