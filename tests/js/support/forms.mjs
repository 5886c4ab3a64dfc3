/** The package with the engine in each of its forms, which must decide the same. */

import assert from "node:assert/strict";
import * as js from "isocache/js";
import * as wasm from "isocache/wasm";

assert.deepEqual([wasm.MemoryCache.engine, js.MemoryCache.engine], ["wasm", "js"]);

export const FORMS = { wasm, js };
