// The faults, and when they happen. All caches go through the same.

export const KEYS = 40;
/** A read begins each so many milliseconds. */
export const READ_EVERY = 2;
/** The most that the line delays what it carries, in milliseconds. */
export const LONGEST_DELAY = 40;

/** Which part of its time a phase takes. */
const PART = process.argv.includes("--quick") ? 1 / 4 : 1;

/** How long a phase takes, in milliseconds, how often somebody writes in it, and what happens when it begins. */
export const PHASES = [
  { name: "calm", lasts: 4000, writeEvery: 20 },
  // Values that were read before a write arrive after the announcement of it.
  { name: "delays", lasts: 6000, writeEvery: 10, act: ({ line }) => line.delay(LONGEST_DELAY) },
  { name: "delays", lasts: 2000, act: ({ line }) => line.restore() },
  // The client notices, and connects again.
  { name: "cut", lasts: 2000, writeEvery: 20, act: ({ line }) => line.cut() },
  { name: "cut", lasts: 4000, act: ({ line }) => line.restore() },
  // Nobody is told that nothing arrives. It takes longer than two heartbeats of every source of isocache.
  { name: "half-open", lasts: 26_000, writeEvery: 50, act: ({ line }) => line.silence() },
  { name: "half-open", lasts: 5000, act: ({ line }) => line.restore() },
  // The store loses everything. Nobody writes until it is back.
  { name: "restart", lasts: 4000, act: ({ store }) => store.restart() },
  { name: "restart", lasts: 3000, writeEvery: 20 },
  // From the console of the store, as an operator does it.
  { name: "FLUSHALL", lasts: 3000, act: ({ store }) => store.flush() },
  { name: "FLUSHALL", lasts: 2000, writeEvery: 20 },
].map((phase) => ({ ...phase, lasts: phase.lasts * PART }));

/** The names of the phases, each once. */
export const NAMES = [...new Set(PHASES.map(({ name }) => name))];

export const keyAt = (number) => `user:${number % KEYS}`;
