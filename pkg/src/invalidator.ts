/** Removing what a write has made old: an entity by its key, and the lists in which it may stand. */

import { checkFunction, checkPattern, quote, wrongType } from "./check.js";
import { type KeyPattern, type KeyValue, keyPattern } from "./key/pattern.js";
import { keys } from "./key/patterns.js";
import { parseTemplate } from "./key/template.js";

/** What removing needs of a provider. `Cache`, `MemoryCache` and `HttpCache` have it. */
export interface Removing {
  /** True if there was an entry. */
  delete(key: string): boolean | Promise<boolean>;
  /** The number of entries removed. */
  clearPattern(pattern: string): number | Promise<number>;
}

/** How many live entries an invalidation removed. */
export interface Invalidated {
  /** Entities. */
  entries: number;
  /** Lists. */
  lists: number;
}

/** A key or pattern that may remain, and why. */
export interface Remaining {
  what: string;
  error: unknown;
}

/** Some of what was to be removed may remain, until its ttl is over or it is invalidated again. */
export class InvalidationError extends Error {
  /** What was removed none the less. */
  readonly removed: Invalidated;
  /** What may remain. There is at least one. */
  readonly remaining: readonly Remaining[];
  /** What the write gave, where the invalidation came `after` one. */
  readonly value: unknown;

  /** @internal */
  constructor(entity: string, removed: Invalidated, remaining: readonly Remaining[], value?: unknown) {
    const shown = remaining.map(
      ({ what, error }) => `${quote(what)} (${error instanceof Error ? error.message : error})`,
    );
    super(`isocache: the invalidation of ${entity} is incomplete; there may remain ${shown.join(", ")}`, {
      cause: remaining[0]?.error,
    });
    this.removed = removed;
    this.remaining = remaining;
    this.value = value;
  }
}
Object.defineProperty(InvalidationError.prototype, "name", {
  value: "InvalidationError",
  configurable: true,
  writable: true,
});

/**
 * Removes what a write has made old, from any provider. For users, `invalidateUser` and `invalidateAllUsers` are there; for
 * what else there is, `entity` names it once.
 *
 * ```js
 * import { Cache, CacheInvalidator } from "isocache";
 *
 * const cache = new Cache();
 * const teams = new CacheInvalidator(cache).entity("team").key("team:{id}").lists("team_list:*");
 * await cache.set("team:7", "red");
 * await cache.set("team_list:page1", ["red", "blue"]);
 * await teams.invalidate(7); // { entries: 1, lists: 1 }
 * ```
 */
export class CacheInvalidator {
  readonly #provider: Removing;

  /** @throws TypeError for a provider without `delete` or `clearPattern`. */
  constructor(provider: Removing) {
    for (const name of ["delete", "clearPattern"] as const) {
      if (typeof provider?.[name] !== "function") {
        throw new TypeError(`isocache: provider has no method ${name}`);
      }
    }
    this.#provider = provider;
  }

  /** Removes `user:{id}` and all of `user_list:*`. Rejects as `EntityInvalidator.invalidate`. */
  async invalidateUser(id: KeyValue): Promise<Invalidated> {
    return this.#users().invalidate(id);
  }

  /** Removes all of `user:*` and `user_list:*`. Rejects as `EntityInvalidator.invalidate`. */
  async invalidateAllUsers(): Promise<Invalidated> {
    return this.#users().invalidateAll();
  }

  /** Names an entity, for errors. Its keys and lists follow. */
  entity(name: string): EntityName {
    if (typeof name !== "string") {
      throw wrongType("name", "a string", name);
    }
    return { key: (pattern) => new EntityInvalidator(this.#provider, name).key(pattern) };
  }

  #users(): EntityInvalidator {
    return this.entity("user").key(keys.user.pattern).lists(keys.userList.glob());
  }
}

/** An entity of which the name is known. */
export interface EntityName {
  /** The key pattern of the entity, with one parameter, its id. @throws RangeError for what is none. */
  key(pattern: string): EntityInvalidator;
}

interface EntityKey {
  pattern: KeyPattern;
  parameter: string;
}

/** Removes one kind of entity, and the lists in which it stands; made by `CacheInvalidator.entity`. */
export class EntityInvalidator {
  readonly #provider: Removing;
  readonly #name: string;
  readonly #keys: readonly EntityKey[];
  readonly #lists: readonly string[];

  /** @internal */
  constructor(provider: Removing, name: string, keys: readonly EntityKey[] = [], lists: readonly string[] = []) {
    this.#provider = provider;
    this.#name = name;
    this.#keys = keys;
    this.#lists = lists;
  }

  /** With a further key pattern under which the same entity is kept. @throws as `EntityName.key`. */
  key(pattern: string): EntityInvalidator {
    const { names } = parseTemplate(pattern);
    const [parameter] = names;
    if (parameter === undefined || names.length > 1) {
      throw new RangeError(
        `isocache: pattern ${quote(pattern)} has ${names.length} parameters; the key of an entity has one, its id`,
      );
    }
    const keys = [...this.#keys, { pattern: keyPattern(pattern), parameter }];
    return new EntityInvalidator(this.#provider, this.#name, keys, this.#lists);
  }

  /** With a Redis glob of the lists in which such entities stand. There may be several. @throws RangeError for an empty one. */
  lists(glob: string): EntityInvalidator {
    checkPattern(glob);
    return new EntityInvalidator(this.#provider, this.#name, this.#keys, [...this.#lists, glob]);
  }

  /**
   * Removes the entity of this id, and all lists. The id is escaped: it reaches no other entity. All removals are issued
   * together; if one fails, the others are still carried out.
   *
   * Rejects with an `InvalidationError`, which says what may remain, and what was removed.
   */
  async invalidate(id: KeyValue): Promise<Invalidated> {
    return this.#remove(this.#keysOf(id));
  }

  /**
   * Removes every entity of this kind, and all lists. As in Redis, a `*` reaches further segments: `user:*` is also
   * `user:7:posts`. Rejects as `invalidate`.
   */
  async invalidateAll(): Promise<Invalidated> {
    const globs = this.#keys.map(({ pattern }) => pattern.glob());
    return this.#remove(globs, true);
  }

  /**
   * Carries out a write, then removes what it has made old, and returns what the write gave.
   *
   * It removes also where the write failed: an error, such as a timeout after the commit, does not say that nothing was
   * written. Removing too much costs a load, too little leaves what is old for as long as it lives.
   *
   * Rejects with the error of the write; with an `InvalidationError`, which holds the `value` of the write, if only the
   * invalidation failed; and with an `AggregateError` of both.
   */
  async after<R>(write: () => R | Promise<R>, id: KeyValue): Promise<R> {
    checkFunction("write", write ?? null);
    // Before the write, which must not be done where the id is none.
    const keys = this.#keysOf(id);
    let value: R;
    try {
      value = await write();
    } catch (error) {
      await this.#remove(keys).catch((other) => {
        throw new AggregateError([error, other], "isocache: the write and the invalidation after it failed");
      });
      throw error;
    }
    await this.#remove(keys, false, value);
    return value;
  }

  #keysOf(id: KeyValue): string[] {
    return this.#keys.map(({ pattern, parameter }) => pattern({ [parameter]: id }));
  }

  async #remove(entities: readonly string[], areGlobs = false, value?: unknown): Promise<Invalidated> {
    const removed = { entries: 0, lists: 0 };
    const remaining: Remaining[] = [];
    const remove = async (what: string, isGlob: boolean, kind: keyof Invalidated) => {
      try {
        const count = Number(await (isGlob ? this.#provider.clearPattern(what) : this.#provider.delete(what)));
        removed[kind] += count;
      } catch (error) {
        remaining.push({ what, error });
      }
    };
    await Promise.all([
      ...entities.map((what) => remove(what, areGlobs, "entries")),
      ...this.#lists.map((what) => remove(what, true, "lists")),
    ]);
    if (remaining.length > 0) {
      throw new InvalidationError(this.#name, removed, remaining, value);
    }
    return removed;
  }
}
