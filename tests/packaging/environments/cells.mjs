/** All environments, and why some of them do not work. */

import browsers from "./cells/browsers.mjs";
import bundlers from "./cells/bundlers.mjs";
import edge from "./cells/edge.mjs";
import frameworks from "./cells/frameworks.mjs";
import node from "./cells/node.mjs";

export const CELLS = [...node, ...bundlers, ...edge, ...frameworks, ...browsers];

/** By the name of the environment. */
export const REASONS = {};
