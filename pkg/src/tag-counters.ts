/** The generations of tags: counters in a store. */

import { checkKey, checkList, wrongType } from "./check.js";
import { type CounterProvider, counted } from "./counters.js";
import { Generations, isGenerations } from "./generations.js";
import { escapedValue } from "./key/value.js";
import { after, type MaybePromise } from "./promise.js";
import { readMany } from "./uncounted.js";

const MAX_TAGS = 64;
/**
 * The largest increment of a generation: 2^53, beyond which numbers are not exact, is trillions of invalidations away.
 */
const MAX_STEP = 2 ** 12;
/** The largest initial generation: far enough that one that was lost and restarted does not match earlier entries. */
const MAX_START = 2 ** 40;
const NO_TTL = { ttl: null };
/** The part before the tag in the key of its generation. */
export const TAG_PREFIX = "tag:";

/** The counters of tags. */
export class TagCounters {
  readonly #counters: CounterProvider;
  /** Counters that are being started. */
  readonly #starting = new Map<string, Promise<number>>();

  constructor(counters: CounterProvider) {
    this.#counters = counters;
  }

  /** The generations of tags; 0 for those without one. */
  now(tags: Iterable<string>): MaybePromise<Map<string, number>> {
    const all = [...new Set(tags)];
    const keys = all.map(generationKey);
    return after(keys.length === 0 ? [] : readMany(this.#counters, keys), (counts) => {
      return new Map(all.map((tag, at) => [tag, counted(counts[at])]));
    });
  }

  /** The generations of tags. Starts those that do not exist. */
  async started(tags: Iterable<string>): Promise<Map<string, number>> {
    const now = await this.now(tags);
    for (const [tag, generation] of now) {
      now.set(tag, generation || (await this.#start(generationKey(tag))));
    }
    return now;
  }

  /** The generations of the tags of an entry. @throws TypeError or RangeError for an invalid tag, and for more than 64. */
  async generations(tags: readonly string[] | Generations): Promise<Generations> {
    if (isGenerations(tags)) {
      return tags;
    }
    checkTags(tags);
    return new Generations(await this.started(tags));
  }

  /** Invalidates every entry with one of these tags. */
  async invalidate(tags: readonly string[]): Promise<void> {
    for (const key of tags.map(generationKey)) {
      const step = randomUpTo(MAX_STEP);
      if ((await this.#counters.increment(key, step, NO_TTL)) === step) {
        await this.#moveFar(key);
      }
    }
  }

  /** Moves a counter far from where a lost one may have been. */
  #moveFar(key: string): MaybePromise<number> {
    return this.#counters.increment(key, randomUpTo(MAX_START), NO_TTL);
  }

  /**
   * The generation of a tag that had none. Concurrent writers that need a new tag share one start: a second start would
   * invalidate the entries of the first.
   */
  #start(key: string): MaybePromise<number> {
    let started = this.#starting.get(key);
    if (started === undefined) {
      const start = async () => {
        // Another start may have ended between the lookup and now.
        const [known] = await readMany(this.#counters, [key]);
        return counted(known) || this.#moveFar(key);
      };
      started = start().finally(() => this.#starting.delete(key));
      this.#starting.set(key, started);
    }
    return started;
  }
}

/** @throws TypeError for a list that is not an array, RangeError for too many tags. */
export function checkTags(tags: readonly string[]): void {
  checkList("tags", tags);
  if (tags.length > MAX_TAGS) {
    throw new RangeError(`isocache: tags has ${tags.length} tags, more than ${MAX_TAGS}`);
  }
}

function randomUpTo(most: number): number {
  return 1 + Math.floor(Math.random() * most);
}

/** The key of the generation of a tag. */
function generationKey(tag: string): string {
  if (typeof tag !== "string") {
    throw wrongType("a tag", "a string", tag);
  }
  if (tag === "") {
    throw new RangeError("isocache: tags has an empty tag");
  }
  const key = TAG_PREFIX + escapedValue("tag", tag);
  checkKey(key);
  return key;
}
