/** What the tests of the example workers ask: the worker, and the metrics of the bridge behind it. */

import assert from "node:assert/strict";
import { eventually } from "../../support/waiting.mjs";
import { send } from "../bridge/support/http.mjs";

/** Each request has a connection of its own: workerd closes those that are idle. */
export async function ask(worker, path, init) {
  const { status, headers, bytes } = await send(worker, path, { method: "GET", headers: {}, ...init });
  return { status, from: headers["x-cache"] ?? null, text: `${bytes}` };
}

export async function assertUser(worker, id, name, from) {
  const answer = await ask(worker, `/users/${id}`);
  assert.deepEqual(answer, { status: 200, from, text: JSON.stringify({ id, name }) });
}

/** What the bridge counts: requests, without those for this, and commands by name. */
export function counting(bridge) {
  let own = 0;
  return async () => {
    const headers = { authorization: `Bearer ${bridge.token}` };
    const text = await (await fetch(`${bridge.url}/metrics`, { headers })).text();
    const sum = (name) =>
      [...text.matchAll(new RegExp(`^isocache_${name}.* (\\d+)$`, "gm"))].reduce((all, [, n]) => all + Number(n), 0);
    return {
      requests: sum("requests_total") - own++,
      gets: sum('commands_total\\{.*command="get"'),
      sets: sum('commands_total\\{.*command="set"'),
      deletes: sum('commands_total\\{.*command="unlink"'),
    };
  };
}

/** The write that goes on behind an answer. */
export async function untilSets(count, wanted) {
  return eventually(`${wanted} sets`, async () => {
    const counts = await count();
    return counts.sets >= wanted ? counts : undefined;
  });
}

/** Waits for these counts. A command counts when it has arrived, a request when its response is ready. */
export async function assertCounts(count, expected) {
  const counted = await eventually(JSON.stringify(expected), async () => {
    const counts = await count();
    return Object.entries(expected).every(([name, least]) => counts[name] >= least) ? counts : undefined;
  });
  assert.deepEqual(counted, expected);
}
