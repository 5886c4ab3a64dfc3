/**
 * For `node --import`: timers of a second and more take minutes, as with `patient` of browser.mjs. These are the limits of an
 * example, which a slow machine must not reach.
 */

const { setTimeout } = globalThis;
globalThis.setTimeout = (act, ms, ...rest) => setTimeout(act, ms < 1000 ? ms : 300 * ms, ...rest);
