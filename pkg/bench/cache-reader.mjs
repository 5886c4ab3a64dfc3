// A cache in Rust, in a process of its own: `cargo build --release --package cache-reader` makes the program.

import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const PROGRAM = fileURLToPath(new URL("../../target/release/cache-reader", import.meta.url));

/** Opens a cache of a kind that the program knows, over the Redis at a port, for at most so many copies. */
export async function openReader(kind, port, entries = 10_000) {
  const child = spawn(PROGRAM, [kind, `redis://127.0.0.1:${port}`, String(entries)], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const waiting = new Map();
  let last = 0;
  await new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", (code) => reject(new Error(`${PROGRAM} ended with code ${code}`)));
    createInterface({ input: child.stdout }).on("line", (line) => {
      const [id, outcome, ...rest] = line.split(" ");
      if (id === "ready") {
        resolve();
        return;
      }
      const caller = waiting.get(id);
      waiting.delete(id);
      if (outcome === "error") {
        caller.reject(new Error(rest.join(" ")));
      } else {
        caller.resolve(outcome === "none" ? undefined : Number(rest[0]));
      }
    });
  });
  return {
    read: (key) =>
      new Promise((resolve, reject) => {
        const id = String(++last);
        waiting.set(id, { resolve, reject });
        child.stdin.write(`${id} ${key}\n`);
      }),
    close: () => child.kill("SIGKILL"),
  };
}
