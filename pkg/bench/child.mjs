// One peer in one scenario, in a process of its own, so that no other code has a say in what its engine compiles.

import { ASYNC_PEERS, PEERS } from "./peers.mjs";
import { prepare } from "./scenarios.mjs";

let run;
process.on("message", async ({ prepare: job, operations }) => {
  if (job !== undefined) {
    const { peer, scenario, warmUp } = job;
    const { make } = (scenario.isAsync ? ASYNC_PEERS : PEERS)[peer];
    run = await prepare(scenario, await make());
    // Some calls of the loop, not one: the first is compiled while it runs.
    const end = performance.now() + warmUp;
    for (let call = 0; call < 4 || performance.now() < end; call++) {
      await run(operations);
    }
    process.send({ ready: true });
  } else {
    // The others were running: their data is in the processor's caches, not ours.
    await run(Math.ceil(operations / 8));
    process.send(await run(operations));
  }
});
