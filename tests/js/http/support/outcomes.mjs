/** What a server does wrong below these paths, and what becomes of a `get` then. */
export const WRONG = {
  error: "unavailable",
  page: "protocol",
  "cut-off": "protocol",
  object: "protocol",
  busy: "unavailable",
  "too-many": "unavailable",
  forbidden: "refused",
  redirect: "protocol",
  reset: "connection",
  "reset-in-body": "connection",
  endless: "protocol",
  half: "timeout",
};

/** What becomes of operations that fail, by the platform's own `fetch`: the same in every runtime. */
export const EXPECTED = {
  wrong: WRONG,
  dead: ["connection", "connection"],
  breaker: ["connection", "unavailable", "open"],
  stalled: ["timeout", "timeout"],
  aborted: ["AbortError", "mine"],
};

/** The limit of operations that are to reach it, in milliseconds. */
const LIMIT = 7000;

/** Calls `act` with a function that ends the time of operations with this limit. It does not end by itself. */
async function withoutClock(act) {
  const { setTimeout, clearTimeout } = globalThis;
  const held = new Map();
  globalThis.setTimeout = (run, ms, ...rest) => {
    if (ms !== LIMIT) {
      return setTimeout(run, ms, ...rest);
    }
    const timer = {};
    held.set(timer, run);
    return timer;
  };
  globalThis.clearTimeout = (timer) => held.delete(timer) || clearTimeout(timer);
  try {
    return await act(() => {
      for (const run of [...held.values()]) {
        run();
      }
    });
  } finally {
    Object.assign(globalThis, { setTimeout, clearTimeout });
  }
}

/** Starts an operation, ends it when its request has come to the server, and returns its outcome. */
async function endedOnItsWay(server, start, end) {
  const came = async () => (await fetch(`${server}/came`)).text();
  const before = await came();
  let isOver = false;
  const outcome = start().finally(() => {
    isOver = true;
  });
  while (!isOver && (await came()) === before) {
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  end();
  return outcome;
}

/** Tries them against a port where nobody listens, a server that never answers, and one that does wrong what `WRONG` lists. */
export function outcomes(isocache, servers) {
  return withoutClock((endTime) => allOutcomes(isocache, servers, endTime));
}

async function allOutcomes({ HttpCache }, { dead, stalled, faulty }, endTime) {
  const told = (promise) =>
    promise.then(
      () => "fine",
      (error) => (error.name === "CacheError" ? error.code : error.name === "Error" ? error.message : error.name),
    );
  const cache = (url, options) => new HttpCache({ url, token: "token", timeout: "5m", retries: 1, ...options });
  const limited = { timeout: `${LIMIT}ms` };
  const wrong = {};
  for (const [what, expected] of Object.entries(WRONG)) {
    const options = { retries: 0, maxResponseBytes: 1_000_000 };
    const get = (more) => told(cache(`${faulty}/${what}`, { ...options, ...more }).get("a"));
    wrong[what] = await (expected === "timeout" ? endedOnItsWay(faulty, () => get(limited), endTime) : get());
  }
  const gone = cache(dead);
  const broken = cache(dead, { retries: 0, breaker: { failures: 1, cooldown: "10m" } });
  const late = cache(stalled, limited);
  const patient = cache(stalled);
  const aborted = (reason) => {
    const controller = new AbortController();
    const get = () => told(patient.get("a", { signal: controller.signal }));
    return endedOnItsWay(stalled, get, () => controller.abort(reason));
  };
  return {
    wrong,
    dead: [await told(gone.get("a")), await told(gone.increment("a"))],
    breaker: [await told(broken.get("a")), await told(broken.get("a")), broken.breakerState],
    stalled: [
      await endedOnItsWay(stalled, () => told(late.get("a")), endTime),
      await endedOnItsWay(stalled, () => told(late.increment("a")), endTime),
    ],
    aborted: [await aborted(), await aborted(new Error("mine"))],
  };
}
