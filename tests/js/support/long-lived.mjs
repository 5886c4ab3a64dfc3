/** Counters over HTTP for limiters whose clock the test moves: that of the bridge goes on by itself, and must not end them. */

import assert from "node:assert/strict";
import { HttpCache } from "isocache";

export class LongLived extends HttpCache {
  increment(key, by, options) {
    return super.increment(key, by, longer(options));
  }

  incrementWithin(key, by, options) {
    return super.incrementWithin(key, by, longer(options));
  }
}

function longer(options) {
  assert.ok(options.ttl, "a counter that never expires");
  return { ...options, ttl: "7d" };
}
