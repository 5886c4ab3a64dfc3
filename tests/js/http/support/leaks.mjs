// Run by Node with --expose-gc: many operations, and what is left of them. The argument has the URLs and token.

import { withMemory, workload } from "./thousand.mjs";

const { transport, ...given } = JSON.parse(process.argv[2]);
const { isocache, memory } = await withMemory(() => import("isocache"));
const send = transport === "fetch" ? (...request) => fetch(...request) : undefined;
const { thousand, close } = workload(isocache, { ...given, fetch: send });

async function heap() {
  for (let at = 0; at < 5; at++) {
    await new Promise((resolve) => setTimeout(resolve, 20));
    globalThis.gc();
  }
  return process.memoryUsage().heapUsed;
}

for (let at = 0; at < 5; at++) {
  await thousand();
}
const before = await heap();
const pages = memory.buffer.byteLength;
for (let at = 0; at < 10; at++) {
  await thousand();
}
const grown = (await heap()) - before;
await close();
const timers = process.getActiveResourcesInfo().filter((name) => name === "Timeout").length;
// It ends by itself, if nothing is left.
process.stdout.write(JSON.stringify({ grown, wasm: memory.buffer.byteLength - pages, timers }));
