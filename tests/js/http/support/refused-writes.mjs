/** Large writes that are refused, in any runtime. As a program, its argument has the options. */

const LARGE = "x".repeat(5_000_000);

/** How often each outcome came, by kind. `kinds` are folders of `url`; each is written to `runs` times. */
export async function refusedWrites({ HttpCache }, { url, kinds, runs, token = "token", transport }) {
  const send = transport === "fetch" ? (...request) => fetch(...request) : undefined;
  const outcomes = {};
  for (const kind of kinds) {
    const counts = {};
    const options = { url: `${url}/${kind}`, token, fetch: send, retries: 0, breaker: false, timeout: "5m" };
    const cache = new HttpCache(options);
    for (let run = 0; run < runs; run++) {
      const write =
        run % 2 === 0 ? cache.set("report", LARGE) : cache.setMany([{ key: "report", value: LARGE, ttl: "1m" }]);
      const outcome = await write.then(
        () => "stored",
        (error) => error.code ?? `${error}`,
      );
      counts[outcome] = (counts[outcome] ?? 0) + 1;
    }
    outcomes[kind] = counts;
    await cache.close();
  }
  return outcomes;
}

if (globalThis.process?.argv?.[2]?.startsWith("{")) {
  // How long Node's client waits until the server asks for a body: here it must answer before the body is sent.
  const { setTimeout: start } = globalThis;
  globalThis.setTimeout = (run, ms, ...rest) => start(run, ms === 1000 ? 300_000 : ms, ...rest);
  // By a name that bundlers do not follow.
  const name = "isocache/http";
  const outcomes = await refusedWrites(await import(name), JSON.parse(process.argv[2]));
  // What fails late must have failed by now.
  await new Promise((resolve) => setTimeout(resolve, 50));
  process.stdout.write(`result: ${JSON.stringify(outcomes)}\n`);
}
