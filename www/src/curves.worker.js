/** `isocache simulate` behind messages: `{ file, column, field }` is answered by `{ svg, advice, summary }` or `{ error }`. */

import start, { Accesses } from "../built/glue.js";

const started = fetch(new URL("../built/glue_bg.wasm", import.meta.url))
  .then((response) => response.arrayBuffer())
  .then((bytes) => start({ module_or_path: bytes }));

addEventListener("message", async ({ data: { file, column, field } }) => {
  try {
    await started;
    const accesses = new Accesses(column, field);
    const reader = (await unpacked(file)).getReader();
    for (let chunk = await reader.read(); !chunk.done; chunk = await reader.read()) {
      accesses.push(chunk.value);
    }
    const curves = accesses.simulate();
    postMessage({ svg: curves.svg(), advice: curves.advice(), summary: curves.summary() });
  } catch (error) {
    postMessage({ error: `${file.name}: ${error.message}` });
  }
});

/** The bytes of a file, unpacked if it is compressed with gzip. */
async function unpacked(file) {
  const [first, second] = new Uint8Array(await file.slice(0, 2).arrayBuffer());
  const isPacked = first === 0x1f && second === 0x8b;
  return isPacked ? file.stream().pipeThrough(new DecompressionStream("gzip")) : file.stream();
}
