/** Types of the advisor, for code that does not include it. */

import type { Advised, Advisor } from "./advisor.js";

/** The result of `advisor()`: the option `advise` of a `MemoryCache`. */
export type AdvisorFactory = (cache: Advised, onPause: (isPaused: boolean) => void) => Advisor;
