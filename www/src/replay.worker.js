/** A `Session` behind messages: `{ id, method, args }` is answered by `{ id, answer }` or `{ id, error }`. */

// By its address: an import map holds for the page only, not for its workers.
import { advisor, MemoryCache } from "/isocache/index.js";
import { Session } from "./replay.js";

const session = new Session({ MemoryCache, advisor }, 60);

addEventListener("message", async ({ data: { id, method, args } }) => {
  try {
    if (method === "replay") {
      args.push((report) => postMessage({ id, report }));
    }
    postMessage({ id, answer: await session[method](...args) });
  } catch (error) {
    postMessage({ id, error });
  }
});
