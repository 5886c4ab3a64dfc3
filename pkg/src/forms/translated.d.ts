/** The engine in JavaScript; written by the build. */
import type { Instantiate } from "../glue.js";

declare const instantiate: Instantiate;
export default instantiate;
