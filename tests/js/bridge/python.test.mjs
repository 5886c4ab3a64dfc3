// The official client for Python. What it checks is in upstash_redis_client.py.

import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { READ_ONLY_TOKEN, TOKEN } from "./support/bridge.mjs";
import { runPython } from "./support/python.mjs";
import { onStores } from "./support/stores.mjs";

const SCRIPT = fileURLToPath(new URL("./upstash_redis_client.py", import.meta.url));

onStores(["memory", "redis"], (its) => {
  for (const group of ["strings", "batches", "errors", "tokens", "hashes", "asynchronous"]) {
    test(`upstash-redis: ${group}`, () =>
      runPython("upstash-redis", "1.8.0", SCRIPT, [group, its.store, its.bridge.url, TOKEN, READ_ONLY_TOKEN]));
  }
});
