/** What becomes of operations that fail, by the platform's own `fetch`: the same in every runtime. */
export const EXPECTED = {
  dead: ["connection", "connection"],
  breaker: ["connection", "unavailable", "open"],
  stalled: ["timeout", "timeout"],
  aborted: ["AbortError", "mine"],
};

/** Tries them against a port where nobody listens, and a server that never answers. */
export async function outcomes({ HttpCache }, { dead, stalled }) {
  const told = (promise) =>
    promise.then(
      () => "fine",
      (error) => (error.name === "CacheError" ? error.code : error.name === "Error" ? error.message : error.name),
    );
  const cache = (url, options) => new HttpCache({ url, token: "token", timeout: "60s", retries: 1, ...options });
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
    dead: [await told(gone.get("a")), await told(gone.increment("a"))],
    breaker: [await told(broken.get("a")), await told(broken.get("a")), broken.breakerState],
    stalled: [await told(late.get("a")), await told(late.increment("a"))],
    aborted: [await aborted(), await aborted(new Error("mine"))],
  };
}
