/** All environments, and why some of them do not work. */

import bundlers from "./cells/bundlers.mjs";
import edge from "./cells/edge.mjs";
import node from "./cells/node.mjs";

export const CELLS = [...node, ...bundlers, ...edge];

/** By the name of the environment. */
export const REASONS = {};
