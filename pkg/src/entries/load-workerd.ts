/** Starts the wasm from a module import, which is the only way that workerd allows. */

import { start } from "../wasm.js";
import module from "./isocache_bg.wasm";

start(module);
