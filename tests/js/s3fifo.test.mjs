// S3-FIFO against a model of it: the same stream of operations finds the same entries, which depends on every key that is
// remembered after its eviction.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { FORMS } from "./support/forms.mjs";
import { random } from "./support/random.mjs";

const OPERATIONS = 30_000;
const MOST_USES = 3;

class Model {
  #size;
  /** The keys of each queue with their uses, the oldest first. */
  #small = new Map();
  #main = new Map();
  /** The number of each key that is remembered. */
  #ghosts = new Map();
  #latest = 0;

  constructor(size) {
    this.#size = size;
  }

  get size() {
    return this.#small.size + this.#main.size;
  }

  get(key) {
    const queue = [this.#small, this.#main].find((one) => one.has(key));
    queue?.set(key, Math.min(queue.get(key) + 1, MOST_USES));
    return queue !== undefined;
  }

  set(key) {
    if (this.get(key)) {
      return;
    }
    const isBack = this.#latest - this.#ghosts.get(key) < Math.floor(this.#size * 0.9);
    this.#ghosts.delete(key);
    while (this.size >= this.#size) {
      this.#evict();
    }
    (isBack ? this.#main : this.#small).set(key, 0);
  }

  delete(key) {
    return this.#small.delete(key) || this.#main.delete(key);
  }

  #evict() {
    const isSmall = this.#small.size > 0 && this.#small.size * 10 >= this.size;
    const queue = isSmall ? this.#small : this.#main;
    const [key, uses] = queue.entries().next().value;
    queue.delete(key);
    if (uses > 0) {
      this.#main.set(key, isSmall ? 0 : uses - 1);
    } else if (isSmall) {
      this.#ghosts.set(key, ++this.#latest);
    }
  }
}

for (const form of Object.keys(FORMS)) {
  describe(form, () => {
    for (const size of [1, 2, 10, 15, 100, 1000]) {
      test(`${size} entries`, () => {
        const draw = random(size);
        const next = () => draw(2 ** 32) / 2 ** 32;
        const cache = new FORMS[form].MemoryCache({ maxEntries: size, policy: "s3fifo" });
        const model = new Model(size);
        let [hits, found] = [0, 0];
        for (let at = 0; at < OPERATIONS; at++) {
          // Some keys have the same end, some the same beginning, and some are long.
          const id = Math.floor(next() ** 2 * size * 5);
          const key = id % 3 === 0 ? `${id}:profile` : id % 3 === 1 ? `user:${id}` : `${"π".repeat(id % 70)}${id}`;
          const choice = next();
          if (choice < 0.02) {
            assert.equal(cache.delete(key), model.delete(key));
          } else if (choice < 0.05) {
            cache.set(key, at);
            model.set(key);
          } else {
            const isHit = cache.get(key) !== undefined;
            assert.equal(isHit, model.get(key), `${key}, operation ${at}`);
            hits += isHit;
            found++;
            if (!isHit) {
              cache.set(key, at);
              model.set(key);
            }
          }
        }
        assert.equal(cache.size, model.size);
        assert.ok(hits > 0 && hits < found);
      });
    }

    test("keys are forgotten by clear", () => {
      const cache = new FORMS[form].MemoryCache({ maxEntries: 10, policy: "s3fifo" });
      const fill = (from, to) => {
        for (let id = from; id < to; id++) {
          cache.set(`key ${id}`, id);
        }
      };
      // The first ten are evicted, and all but one remembered.
      fill(0, 20);
      cache.clear();
      fill(9, 10);
      fill(20, 30);
      // If it had been remembered, another would have left.
      assert.equal(cache.has("key 9"), false);
      assert.equal(cache.has("key 20"), true);
    });
  });
}
