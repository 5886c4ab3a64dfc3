/** Real workerd, with one worker made of a file and of what it imports. */

import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { start } from "../../support/processes.mjs";

const WORKERD = fileURLToPath(new URL("../../../node_modules/.bin/workerd", import.meta.url));

/**
 * Bundles the file as wrangler does, with the packages that it finds, and serves it on a free loopback port. `vars` are what
 * it gets as `env`. `said(pattern)` waits for a line of the worker's console.
 */
export async function startWorker(file, { compatibilityDate, compatibilityFlags = [], vars }) {
  const folder = await mkdtemp(join(tmpdir(), "isocache-worker-"));
  const remove = () => rm(folder, { recursive: true, force: true });
  try {
    await build({
      ...{ absWorkingDir: dirname(file), entryPoints: [file], bundle: true, format: "esm", logLevel: "error" },
      ...{ outfile: join(folder, "worker.mjs"), conditions: ["workerd", "worker", "browser"] },
      ...{ loader: { ".wasm": "copy" }, assetNames: "[name]", external: ["cloudflare:*"] },
    });
    const wasm = (await readdir(folder)).filter((name) => name.endsWith(".wasm"));
    await writeFile(join(folder, "config.capnp"), config(compatibilityDate, compatibilityFlags, vars, wasm));
    // The port that it was given is a line of JSON.
    const server = start(WORKERD, ["serve", join(folder, "config.capnp"), "--control-fd=1"]);
    try {
      const port = await server.said(/^\{"event":"listen".*"port":(\d+)/);
      return {
        url: `http://127.0.0.1:${port}`,
        said: server.said,
        async close() {
          await server.kill();
          await remove();
        },
      };
    } catch (error) {
      await server.kill();
      throw error;
    }
  } catch (error) {
    await remove();
    throw error;
  }
}

function config(compatibilityDate, compatibilityFlags, vars, wasm) {
  const bindings = Object.entries(vars).map(
    ([name, text]) => `(name = ${JSON.stringify(name)}, text = ${JSON.stringify(text)})`,
  );
  const modules = ['(name = "worker.mjs", esModule = embed "worker.mjs")'].concat(
    wasm.map((name) => `(name = "./${name}", wasm = embed "${name}")`),
  );
  return `
using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    (name = "main", worker = .w),
    (name = "internet", network = (allow = ["private"]))
  ],
  sockets = [ (name = "http", address = "127.0.0.1:0", http = (), service = "main") ]
);
const w :Workerd.Worker = (
  modules = [ ${modules.join(", ")} ],
  bindings = [ ${bindings.join(", ")} ],
  compatibilityDate = ${JSON.stringify(compatibilityDate)},
  compatibilityFlags = ${JSON.stringify(compatibilityFlags)}
);
`;
}
