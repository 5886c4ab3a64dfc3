/** The engine in JavaScript; written by the build. */
import type { Form } from "./form.js";

declare const instantiate: Form["instantiate"];
export default instantiate;
