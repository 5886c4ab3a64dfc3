/**
 * Removes entries that a write has outdated: an entity by its key, the lists that may contain it, and entries by tags.
 */

import { checkFunction, checkPattern, quote, wrongType } from "./check.js";
import { type KeyPattern, type KeyValue, keyPattern } from "./key/pattern.js";
import { keys } from "./key/patterns.js";
import { fill, parseTemplate, type Template } from "./key/template.js";
import { escapedValue } from "./key/value.js";
import { mark } from "./shared.js";

/** The methods of a provider that an invalidator needs. `Cache`, `MemoryCache` and `HttpCache` have them. */
export interface Removing {
  /** Removes an entry. Returns whether it existed. */
  delete(key: string): boolean | Promise<boolean>;
  /** Removes entries. Returns their number. */
  clearPattern(pattern: string): number | Promise<number>;
  /** Invalidates all entries with one of these tags. Needed for `tags`; a `Cache` over `Tagged` has it. */
  invalidateTags?(tags: readonly string[]): unknown;
}

/** The number of live entries removed by an invalidation. Entries removed by their tags are not counted. */
export interface Invalidated {
  /** Entities. */
  entries: number;
  /** Lists. */
  lists: number;
}

/** A key, pattern or tag whose entries may remain, and the error. */
export interface Remaining {
  what: string;
  error: unknown;
}

/** Some entries may remain until their ttl passes or they are invalidated again. */
export class InvalidationError extends Error {
  /** The number of entries that were removed nevertheless. */
  readonly removed: Invalidated;
  /** The keys, patterns and tags whose entries may remain: at least one. */
  readonly remaining: readonly Remaining[];
  /** The result of the write, if the invalidation came `after` one. */
  readonly value: unknown;

  /** @internal */
  constructor(entity: string, removed: Invalidated, remaining: readonly Remaining[], value?: unknown) {
    const shown = remaining.map(
      ({ what, error }) => `${quote(what)} (${error instanceof Error ? error.message : error})`,
    );
    super(`isocache: the invalidation of ${entity} is incomplete; there may remain ${shown.join(", ")}`, {
      cause: remaining[0]?.error,
    });
    mark(InvalidationError, "name", "InvalidationError");
    this.removed = removed;
    this.remaining = remaining;
    this.value = value;
  }
}

/**
 * Removes entries that a write has outdated, from any provider. `invalidateUser` and `invalidateAllUsers` are built in;
 * describe other entities once, with `entity`.
 *
 * ```js
 * import { Cache, CacheInvalidator, MemoryCache, Tagged } from "isocache";
 *
 * const cache = new Cache({ provider: new Tagged(new MemoryCache()) });
 * const teams = new CacheInvalidator(cache).entity("team").key("team:{id}").lists("team_list:*").tags("team-{id}");
 * await cache.set("team:7", "red");
 * await cache.set("team_list:page1", ["red", "blue"]);
 * await cache.set("report", "7 and 8", { tags: ["team-7", "team-8"] });
 * await teams.invalidate(7); // { entries: 1, lists: 1 }
 * await cache.has("report"); // false
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

  /** Names an entity, for errors. Its keys, lists and tags follow. */
  entity(name: string): EntityName {
    if (typeof name !== "string") {
      throw wrongType("name", "a string", name);
    }
    const entity = { name, keys: [], lists: [], tags: [] };
    return { key: (pattern) => new EntityInvalidator(this.#provider, entity).key(pattern) };
  }

  #users(): EntityInvalidator {
    return this.entity("user").key(keys.user.pattern).lists(keys.userList.glob());
  }
}

/** An entity with a name but no key yet. */
export interface EntityName {
  /** The key pattern of the entity, with one parameter, its id. @throws RangeError for an invalid pattern. */
  key(pattern: string): EntityInvalidator;
}

interface EntityKey {
  pattern: KeyPattern;
  parameter: string;
}

/** The description of an entity. */
interface Entity {
  readonly name: string;
  readonly keys: readonly EntityKey[];
  readonly lists: readonly string[];
  readonly tags: readonly Template[];
}

/** Removes entities of one kind, the lists that contain them, and entries with their tags; made by `CacheInvalidator.entity`. */
export class EntityInvalidator {
  readonly #provider: Removing;
  readonly #entity: Entity;

  /** @internal */
  constructor(provider: Removing, entity: Entity) {
    this.#provider = provider;
    this.#entity = entity;
  }

  /** Adds another key pattern under which the same entity is stored. @throws as `EntityName.key`. */
  key(pattern: string): EntityInvalidator {
    const { names } = parseTemplate(pattern);
    const [parameter] = names;
    if (parameter === undefined || names.length > 1) {
      throw new RangeError(
        `isocache: pattern ${quote(pattern)} has ${names.length} parameters; the key of an entity has one, its id`,
      );
    }
    return this.#with({ keys: [...this.#entity.keys, { pattern: keyPattern(pattern), parameter }] });
  }

  /**
   * Adds a Redis glob of lists that may contain such entities. There may be several. @throws RangeError for an empty
   * one.
   */
  lists(glob: string): EntityInvalidator {
    checkPattern(glob);
    return this.#with({ lists: [...this.#entity.lists, glob] });
  }

  /**
   * Adds a tag whose entries are removed too: a pattern with one parameter, the id, which is escaped as in a key; or
   * the tag of all such entities. There may be several. `invalidateAll` does not know the ids, so it invalidates only
   * tags without a parameter.
   *
   * @throws TypeError for a provider that has no tags. RangeError for an invalid pattern.
   */
  tags(pattern: string): EntityInvalidator {
    if (typeof this.#provider.invalidateTags !== "function") {
      throw new TypeError(
        "isocache: tags need a provider that has them: new Cache({ provider: new Tagged(provider) })",
      );
    }
    const template = parseTemplate(pattern);
    if (template.names.length > 1) {
      throw new RangeError(
        `isocache: pattern ${quote(pattern)} has ${template.names.length} parameters; the tag of an entity has its id at most`,
      );
    }
    return this.#with({ tags: [...this.#entity.tags, template] });
  }

  /**
   * Removes the entity with this id, all lists, and the entries with its tags. The id is escaped, so it cannot match
   * another entity. All removals are issued together; if one fails, the others are still executed.
   *
   * Rejects with an `InvalidationError`, which lists the entries that may remain, and counts those that were removed.
   */
  async invalidate(id: KeyValue): Promise<Invalidated> {
    return this.#remove(this.#targetsOf(id));
  }

  /**
   * Removes every entity of this kind, all lists, and the entries with a tag of all such entities. As in Redis, a `*`
   * also matches further segments: `user:*` matches `user:7:posts`. Rejects as `invalidate`.
   */
  async invalidateAll(): Promise<Invalidated> {
    const { keys, lists, tags } = this.#entity;
    const globs = keys.map(({ pattern }) => pattern.glob());
    return this.#remove({ keys: [], globs, lists, tags: tagsOf(tags.filter(({ names }) => names.length === 0)) });
  }

  /**
   * Executes a write, then invalidates as `invalidate`, and returns the result of the write.
   *
   * It also invalidates if the write failed: an error, such as a timeout after the commit, does not prove that nothing
   * was written. Removing too much costs a load; removing too little leaves outdated entries until their ttl passes.
   *
   * Rejects with the error of the write; with an `InvalidationError`, which contains the `value` of the write, if only
   * the invalidation failed; and with an `AggregateError` of both.
   */
  async after<R>(write: () => R | Promise<R>, id: KeyValue): Promise<R> {
    checkFunction("write", write ?? null);
    // Before the write, which must not run with an invalid id.
    const targets = this.#targetsOf(id);
    let value: R;
    try {
      value = await write();
    } catch (error) {
      await this.#remove(targets).catch((other) => {
        throw new AggregateError([error, other], "isocache: the write and the invalidation after it failed");
      });
      throw error;
    }
    await this.#remove(targets, value);
    return value;
  }

  #with(more: Partial<Entity>): EntityInvalidator {
    return new EntityInvalidator(this.#provider, { ...this.#entity, ...more });
  }

  #targetsOf(id: KeyValue): Targets {
    const { keys, lists, tags } = this.#entity;
    return {
      keys: keys.map(({ pattern, parameter }) => pattern({ [parameter]: id })),
      globs: [],
      lists,
      tags: tagsOf(tags, escapedValue("id", id)),
    };
  }

  async #remove({ keys, globs, lists, tags }: Targets, value?: unknown): Promise<Invalidated> {
    const removed = { entries: 0, lists: 0 };
    const remaining: Remaining[] = [];
    const provider = this.#provider;
    const remove = async (what: string, work: () => unknown, kind?: keyof Invalidated) => {
      try {
        const count = await work();
        if (kind !== undefined) {
          removed[kind] += Number(count);
        }
      } catch (error) {
        remaining.push({ what, error });
      }
    };
    await Promise.all([
      ...keys.map((key) => remove(key, () => provider.delete(key), "entries")),
      ...globs.map((glob) => remove(glob, () => provider.clearPattern(glob), "entries")),
      ...lists.map((glob) => remove(glob, () => provider.clearPattern(glob), "lists")),
      ...tags.map((tag) => remove(`tag ${tag}`, () => provider.invalidateTags?.([tag]))),
    ]);
    if (remaining.length > 0) {
      throw new InvalidationError(this.#entity.name, removed, remaining, value);
    }
    return removed;
  }
}

/** Everything that one invalidation removes. */
interface Targets {
  readonly keys: readonly string[];
  readonly globs: readonly string[];
  readonly lists: readonly string[];
  readonly tags: readonly string[];
}

function tagsOf(templates: readonly Template[], id = ""): string[] {
  return templates.map(({ texts, names }) => fill(texts, names, () => id));
}
