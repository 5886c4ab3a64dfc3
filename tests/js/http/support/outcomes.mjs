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

/** Tries them against a port where nobody listens, a server that never answers, and one that does wrong what `WRONG` lists. */
export async function outcomes({ HttpCache }, { dead, stalled, faulty }) {
  const told = (promise) =>
    promise.then(
      () => "fine",
      (error) => (error.name === "CacheError" ? error.code : error.name === "Error" ? error.message : error.name),
    );
  const cache = (url, options) => new HttpCache({ url, token: "token", timeout: "5m", retries: 1, ...options });
  const wrong = {};
  for (const [what, expected] of Object.entries(WRONG)) {
    const limits = { retries: 0, maxResponseBytes: 1_000_000, ...(expected === "timeout" && { timeout: "200ms" }) };
    wrong[what] = await told(cache(`${faulty}/${what}`, limits).get("a"));
  }
  const gone = cache(dead);
  const broken = cache(dead, { retries: 0, breaker: { failures: 1 } });
  const late = cache(stalled, { timeout: "50ms" });
  const patient = cache(stalled);
  const aborted = (reason) => {
    const controller = new AbortController();
    const outcome = told(patient.get("a", { signal: controller.signal }));
    setTimeout(() => controller.abort(reason), 50);
    return outcome;
  };
  return {
    wrong,
    dead: [await told(gone.get("a")), await told(gone.increment("a"))],
    breaker: [await told(broken.get("a")), await told(broken.get("a")), broken.breakerState],
    stalled: [await told(late.get("a")), await told(late.increment("a"))],
    aborted: [await aborted(), await aborted(new Error("mine"))],
  };
}
