// Runs the scenarios: each peer in its own process, the rounds in turn.

import { execFileSync, fork } from "node:child_process";
import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";
import { ASYNC_PEERS, PEERS } from "./peers.mjs";
import { takesPart } from "./scenarios.mjs";

const CHILD = fileURLToPath(new URL("child.mjs", import.meta.url));
/**
 * The same heap for all, however much code a peer loads. V8 sizes the young generation by what a program has allocated: more code
 * would get a larger one, and look faster. It begins to mark the old generation at a limit, and every write is slower until the
 * event loop lets it finish: more code would reach the limit sooner, and look slower.
 */
export const HEAP = ["--min-semi-space-size=16", "--max-semi-space-size=16", "--initial-old-space-size=256"];
/** No step of a child takes as long, by far. */
const LIMIT_MS = 120_000;

/** Sends a message to a child, and returns its answer. */
export function ask(child, message) {
  return new Promise((resolve, reject) => {
    const limit = setTimeout(() => done(reject, new Error("a child did not answer in time")), LIMIT_MS);
    const left = (code) => done(reject, new Error(`a child ended with ${code}`));
    const answered = (answer) => done(resolve, answer);
    const done = (settle, outcome) => {
      clearTimeout(limit);
      child.off("exit", left);
      child.off("message", answered);
      settle(outcome);
    };
    child.once("exit", left);
    child.once("message", answered);
    child.send(message);
  });
}

/**
 * Starts the process of a peer. It stays on the last processor, where there is a `taskset`: a move to another one costs it its
 * caches.
 */
export function start(program) {
  const child = fork(program, { execArgv: HEAP });
  try {
    execFileSync("taskset", ["-cp", String(availableParallelism() - 1), String(child.pid)], { stdio: "ignore" });
  } catch {
    // It runs wherever the system puts it.
  }
  return child;
}

/** Runs one scenario. For each peer: the nanoseconds of each round, and the hit ratio of the last one; null for who has no part. */
export async function measure(scenario, { launches, rounds, operations, warmUp }) {
  const peers = scenario.isAsync ? ASYNC_PEERS : PEERS;
  const results = peers.map((peer) => (takesPart(peer, scenario) ? { ns: [], hitRatio: 0 } : null));
  const taking = results.flatMap((result, peer) => (result === null ? [] : [peer]));
  for (let launch = 0; launch < launches; launch++) {
    const children = new Map(taking.map((peer) => [peer, start(CHILD)]));
    try {
      for (const [peer, child] of children) {
        await ask(child, { prepare: { peer, scenario, warmUp }, operations });
      }
      for (let round = 0; round < rounds; round++) {
        for (let turn = 0; turn < taking.length; turn++) {
          const peer = taking[(round + turn) % taking.length];
          const { time, operations: done, hits } = await ask(children.get(peer), { operations });
          results[peer].ns.push((time * 1e6) / done);
          results[peer].hitRatio = hits / done;
        }
      }
    } finally {
      for (const child of children.values()) {
        child.kill();
      }
    }
  }
  return results;
}
