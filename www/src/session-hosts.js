/** The two places where a session can run: in the page, and in a worker. The page awaits the methods of either. */

import { advisor, MemoryCache } from "isocache";
import { Session } from "./replay.js";

/** Replays of more requests than this run in a worker. */
export const MOST_IN_PAGE = 200_000;

export function inPage() {
  return new Session({ MemoryCache, advisor }, 12);
}

export function inWorker() {
  const worker = new Worker(new URL("./replay.worker.js", import.meta.url), { type: "module" });
  const waiting = new Map();
  let last = 0;

  const call = (method, args, report) =>
    new Promise((resolve, reject) => {
      waiting.set(++last, { resolve, reject, report });
      worker.postMessage({ id: last, method, args });
    });
  const failAll = (message) => {
    for (const { reject } of waiting.values()) {
      reject(new Error(message));
    }
    waiting.clear();
  };
  worker.addEventListener("message", ({ data: { id, report, answer, error } }) => {
    const { resolve, reject, report: onReport } = waiting.get(id);
    if (report) {
      onReport(report);
      return;
    }
    waiting.delete(id);
    if (error) {
      reject(error);
    } else {
      resolve(answer);
    }
  });
  worker.addEventListener("error", (event) => {
    event.preventDefault();
    failAll(`the worker failed: ${event.message ?? "its module could not be loaded"}`);
  });

  return {
    open: (settings) => call("open", [settings]),
    replay: (source, report) => call("replay", [source], report),
    stop: () => call("stop", []),
    command: (...args) => call("command", args),
    look: (most) => call("look", [most]),
    close() {
      worker.terminate();
      failAll("the cache was replaced by another");
    },
  };
}
