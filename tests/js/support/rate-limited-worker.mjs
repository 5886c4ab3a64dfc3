// The scene as a worker.

import { answers } from "./rate-limited-scene.mjs";

export default {
  async fetch() {
    return Response.json(await answers());
  },
};
