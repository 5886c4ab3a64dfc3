/** Types of the advisor, for code that does without it. */

import type { Advised, Advisor } from "./advisor.js";

/** What `advisor()` returns: the option `advise` of a `MemoryCache`. */
export type AdvisorFactory = (cache: Advised, onPause: (isPaused: boolean) => void) => Advisor;
