/** The forms of the engine in the CommonJS build: `index.cjs`, `js.cjs` and `wasm.cjs` give them to the code that they share. */

import type { Form } from "./form.js";

declare const FORMS: readonly Form[];

export const forms: readonly Form[] = FORMS;
