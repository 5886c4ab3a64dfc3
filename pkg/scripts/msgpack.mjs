/** Changes to the package that encodes MessagePack, as it is bundled. */

import { changer } from "./engine.mjs";

/** Its file for UTF-8, which makes an encoder and a decoder as it is loaded. Not every environment has them. */
export const UTF8 = /@msgpack[\\/]msgpack[\\/].*[\\/]utf8\.mjs$/;

/** The same file, which makes them when they are needed, and does without them where there are none. */
export function whenNeeded(source) {
  const made = changer(source, "utf8.mjs of this @msgpack/msgpack");
  for (const [name, threshold] of [
    ["TextEncoder", "str.length > TEXT_ENCODER_THRESHOLD"],
    ["TextDecoder", "byteLength > TEXT_DECODER_THRESHOLD"],
  ]) {
    made.change(`no ${name} at import`, new RegExp(`const shared${name} = new ${name}\\(\\);`), `let shared${name};`);
    made.change(`${name} when needed`, new RegExp(`\\bshared${name}\\.`), `(shared${name} ??= new ${name}()).`);
    made.change(
      `no ${name} at all`,
      new RegExp(`\\(${threshold}\\)`),
      `(${threshold} && typeof ${name} === "function")`,
    );
  }
  return made.text;
}
