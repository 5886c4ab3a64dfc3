// Run by a runtime, with the options of `HttpCache` as its argument: the rules of all providers over HTTP, and what becomes of
// operations that fail, as JSON.

import { readFileSync } from "node:fs";
import * as isocache from "isocache";
import { messagePackSerializer } from "isocache/msgpack";
import { runRemote } from "../../conformance.mjs";
import { outcomes } from "./outcomes.mjs";

const conformance = JSON.parse(readFileSync(new URL("../../../vectors/conformance.json", import.meta.url), "utf8"));
const { dead, stalled, faulty, ...options } = JSON.parse(process.argv[2]);
const results = [];
for (const serializer of [undefined, messagePackSerializer]) {
  results.push(await runRemote(conformance, isocache, { ...options, serializer }));
}
results.push(await outcomes(isocache, { dead, stalled, faulty }));
process.stdout.write(`result: ${JSON.stringify(results)}\n`);
