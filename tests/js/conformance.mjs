/**
 * Runs the tables of tests/vectors against the cache classes. It imports nothing of Node, so it also runs in browsers and edge
 * workers. A field or an operation that it does not know is a failure.
 */

import { remoteCases, remoteSubjects, SUBJECTS } from "./conformance-subjects.mjs";

const STEP_FIELDS = {
  set: ["key", "value", "ttl_ms", "expires_in_ms"],
  get: ["key", "expect"],
  delete: ["key", "expect"],
  exists: ["key", "expect"],
  clear_pattern: ["pattern", "expect"],
  get_many: ["keys", "expect"],
  set_many: ["entries"],
  delete_many: ["keys", "expect"],
  stats: ["expect"],
  advance: ["ms"],
  keys: ["pattern", "expect"],
  ttl: ["key", "expect"],
  touch: ["key", "ttl_ms", "expect"],
  get_and_touch: ["key", "ttl_ms", "expect"],
  get_and_delete: ["key", "expect"],
  set_if_absent: ["key", "value", "ttl_ms", "expect"],
  replace: ["key", "value", "ttl_ms", "expect"],
  exists_many: ["keys", "expect"],
  delete_many_each: ["keys", "expect"],
  increment: ["key", "by", "ttl_ms", "expect"],
  increment_within: ["key", "by", "floor", "ceiling", "ttl_ms", "expect"],
};
const OPTIONS = { max_entries: "maxEntries", max_bytes: "maxBytes", default_ttl_ms: "ttl" };
const STATS = ["hits", "misses", "sets", "deletes", "evictions", "expirations", "entries", "bytes", "hit_rate"];

/** Runs one case of conformance.json; throws for the first step that does not do as expected. */
export async function runCase({ rule, name, options, steps, ...unknown }, subject, classes) {
  known(unknown, [], name);
  if (!(Number.isInteger(rule) && rule >= 1 && rule <= 8 && steps.length > 0)) {
    throw new Error(`${name}: it has no rule from 1 to 8, or no steps`);
  }
  const time = { now: 1_000_000 };
  const cache = subject.make(classes, cacheOptions(options, time, name));
  await subject.ready?.(cache);
  try {
    for (const [at, step] of steps.entries()) {
      try {
        await runStep(step, cache, subject, time);
      } catch (error) {
        throw new Error(`${name}: step ${at}, ${shown(step)}: ${error.message}`, { cause: error });
      }
    }
  } finally {
    await subject.close?.(cache);
  }
}

/** Asks for one case of glob.json by way of `clearPattern`; throws if the answer is another. */
export async function runGlob([patternParts, keyParts, matches, ...unknown], { MemoryCache }) {
  const [pattern, key] = [joined(patternParts), joined(keyParts)];
  if (unknown.length > 0 || typeof matches !== "boolean") {
    throw new Error(`a case must be [pattern, key, matches], not ${shown([patternParts, keyParts, matches, unknown])}`);
  }
  const cache = new MemoryCache();
  cache.set(key, 1);
  let cleared;
  if (pattern === "") {
    // As the pattern of a clear, it is refused. It matches no key, in any case.
    cleared = (await refusal(() => cache.clearPattern(pattern))) instanceof RangeError ? 0 : Number.NaN;
  } else {
    cleared = cache.clearPattern(pattern);
  }
  if (cleared !== Number(matches) || cache.size !== 1 - cleared) {
    throw new Error(`${shown(patternParts)} on ${shown(keyParts)}: ${cleared} matched, ${Number(matches)} expected`);
  }
}

/** Runs the cases that can be run over the bridge; for where there is no test runner. */
export async function runRemote(conformance, classes, options) {
  const { cases, leftOut } = remoteCases(conformance, false, options.serializer);
  const failures = [];
  let passed = 0;
  for (const [name, subject] of Object.entries(remoteSubjects({ ...options, isBridge: true }))) {
    for (const one of cases) {
      try {
        await runCase(one, subject, classes);
        passed++;
      } catch (error) {
        failures.push(`${name}: ${error.message}`);
      }
    }
  }
  return { passed, leftOut, failures };
}

/** How many cases `runAll` runs, besides globs. */
export function countAll(conformance) {
  const applicable = (subject) => conformance.cases.filter((one) => subject.applies?.(one) ?? true).length;
  return Object.values(SUBJECTS).reduce((sum, subject) => sum + applicable(subject), 0);
}

/** Runs both tables against everything; for where there is no test runner. */
export async function runAll(conformance, globs, classes) {
  const failures = [];
  let passed = 0;
  const attempt = async (what, run) => {
    try {
      await run();
      passed++;
    } catch (error) {
      failures.push(`${what}: ${error.message}`);
    }
  };
  for (const [name, subject] of Object.entries(SUBJECTS)) {
    for (const one of conformance.cases.filter((one) => subject.applies?.(one) ?? true)) {
      await attempt(name, () => runCase(one, subject, classes));
    }
  }
  for (const one of globs.cases) {
    await attempt("glob", () => runGlob(one, classes));
  }
  return { passed, failures };
}

function cacheOptions(options, time, name) {
  known(options, Object.keys(OPTIONS), name);
  const all = { clock: () => time.now };
  for (const [field, value] of Object.entries(options)) {
    all[OPTIONS[field]] = field === "default_ttl_ms" ? ttl(value) : value;
  }
  if ("max_bytes" in options) {
    const encoder = new TextEncoder();
    all.sizeOf = (value) => encoder.encode(JSON.stringify(value)).length;
  }
  return all;
}

async function runStep({ op, expect, error, names = [], only, ...given }, cache, subject, time) {
  const fields = STEP_FIELDS[op];
  if (fields === undefined || (only !== undefined && only !== "js")) {
    throw new Error("the operation, or where it runs, is unknown");
  }
  known(given, fields, "step");
  const expects = fields.includes("expect");
  if (error === undefined ? expects !== (expect !== undefined) : error !== "invalid_argument" || expect !== undefined) {
    throw new Error("it must have what its operation expects, or a known error, and nothing else");
  }
  if (op === "advance") {
    time.now += given.ms;
    await subject.advance?.(given.ms);
    return;
  }
  const asked = expanded(given);
  if (error !== undefined) {
    const refused = await refusal(() => perform(op, asked, cache, subject));
    if (!(refused instanceof RangeError || refused instanceof TypeError)) {
      throw new Error(`a RangeError or TypeError was expected, not ${refused}`);
    }
    const missing = names.filter((text) => !refused.message.includes(text));
    if (missing.length > 0) {
      throw new Error(`"${refused.message}" does not name ${missing}`);
    }
    return;
  }
  const answer = await perform(op, asked, cache, subject);
  if (op === "stats") {
    known(expect, STATS, "expect");
    for (const [field, value] of Object.entries(expect)) {
      const counted = answer[field === "hit_rate" ? "hitRate" : field];
      if (!(subject.isRemote && isUnknown(field, counted))) {
        demand(counted, value, field);
      }
    }
  } else if (op === "ttl" && subject.isRemote && !subject.advance && typeof answer === "number") {
    // Its clock goes on while the case runs.
    if (!(answer <= expect && answer > expect - 60_000)) {
      throw new Error(`answer is ${answer}, about ${expect} expected`);
    }
  } else if (expects) {
    demand(answer, expanded(expect), "answer");
  }
}

async function perform(
  op,
  { key, keys, value, ttl_ms, expires_in_ms, by, floor, ceiling, entries, pattern },
  cache,
  subject,
) {
  switch (op) {
    case "set":
      return cache.set(
        key,
        value,
        expires_in_ms === undefined ? { ttl: ttl(ttl_ms) } : { expiresAt: Date.now() + expires_in_ms },
      );
    case "keys": {
      const all = [];
      for await (const one of cache.keys(pattern)) {
        all.push(one);
      }
      return all.sort(byBytes);
    }
    case "ttl": {
      const left = await cache.ttl(key);
      return left === undefined ? "absent" : left === null ? "forever" : Math.round(left * 1000);
    }
    case "touch":
      return cache.touch(key, ttl(ttl_ms));
    case "get_and_touch":
      return found(await cache.getAndTouch(key, ttl(ttl_ms)));
    case "get_and_delete":
      return found(await cache.getAndDelete(key));
    case "set_if_absent":
      return cache.setIfAbsent(key, value, { ttl: ttl(ttl_ms) });
    case "replace":
      return cache.replace(key, value, { ttl: ttl(ttl_ms) });
    case "exists_many":
      return cache.hasMany(keys);
    case "delete_many_each":
      return cache.deleteManyEach(keys);
    case "increment_within":
      return cache.incrementWithin(key, by, { floor, ceiling, ttl: ttl(ttl_ms) });
    case "increment":
      return cache.increment(key, by, { ttl: ttl(ttl_ms) });
    case "get":
      return found(await cache.get(key));
    case "delete":
      return cache.delete(key);
    case "exists": {
      const [exists, has] = [await cache.exists(key), await cache.has(key)];
      demand(has, exists, "has, beside exists");
      return exists;
    }
    case "clear_pattern":
      return cache.clearPattern(pattern);
    case "get_many":
      return (await cache.getMany(keys)).map(found);
    case "set_many":
      return cache.setMany(
        entries.map(({ key, value, ttl_ms, ...unknown }) => {
          known(unknown, [], "entry");
          return { key, value, ttl: ttl(ttl_ms) };
        }),
      );
    case "delete_many":
      return cache.deleteMany(keys);
    default:
      return subject.stats(cache);
  }
}

/** Whether this is how a remote cache says that it does not know a figure. */
function isUnknown(field, counted) {
  return field === "entries" ? counted === undefined : ["evictions", "expirations"].includes(field) && counted === 0;
}

/** Which of two texts comes first as bytes in UTF-8. */
function byBytes(a, b) {
  const [left, right] = [a, b].map((text) => [...text].map((one) => one.codePointAt(0)));
  const at = left.findIndex((one, at) => one !== right[at]);
  return at < 0 ? left.length - right.length : left[at] - (right[at] ?? -1);
}

const found = (value) => (value === undefined ? "absent" : { found: value });

function ttl(ms) {
  return ms === undefined ? undefined : ms === "forever" ? null : `${ms}ms`;
}

/** With every `{"repeat": [text, n]}` written out. */
function expanded(value) {
  if (Array.isArray(value)) {
    return value.map(expanded);
  }
  if (typeof value !== "object" || value === null) {
    return value;
  }
  if (Object.keys(value).join() === "repeat") {
    return value.repeat[0].repeat(value.repeat[1]);
  }
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, expanded(member)]));
}

const joined = (parts) => [parts].flat().map(expanded).join("");

async function refusal(act) {
  try {
    return await act();
  } catch (error) {
    return error;
  }
}

function known(object, names, where) {
  const unknown = Object.keys(object).filter((name) => !names.includes(name));
  if (unknown.length > 0) {
    throw new Error(`${where}: unknown field ${unknown}`);
  }
}

function demand(actual, expected, what) {
  if (!same(actual, expected)) {
    throw new Error(`${what} is ${shown(actual)}, ${shown(expected)} expected`);
  }
}

function same(a, b) {
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) {
    return Object.is(a, b);
  }
  const names = Object.keys(a);
  return (
    Array.isArray(a) === Array.isArray(b) &&
    names.length === Object.keys(b).length &&
    names.every((name) => Object.hasOwn(b, name) && same(a[name], b[name]))
  );
}

function shown(value) {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 300 ? `${text.slice(0, 300)}...` : text;
}
