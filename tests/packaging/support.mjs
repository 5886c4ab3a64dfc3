/** The package as users get it: packed, and installed into projects outside of the workspace. */

import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import * as isocache from "isocache";
import * as memory from "isocache/memory";
import { run as runProcess } from "../support/processes.mjs";

export const root = fileURLToPath(new URL("../..", import.meta.url));
export const bin = (name) => join(root, "node_modules", ".bin", name);

/** Runs a command to its end and returns what it printed; an error has that, too. */
export async function run(command, args, cwd) {
  // What npm tells the scripts that it runs must not reach the npm that they run.
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(npm_|NODE_TEST)/i.test(name)));
  return runProcess(command, args, { cwd, env });
}

/** A folder for one test file, with the tarball in it. */
export async function packed() {
  const folder = await mkdtemp(join(tmpdir(), "isocache-package-"));
  const listed = await run("npm", ["pack", "--json", "--pack-destination", folder], join(root, "pkg"));
  const [{ filename, files, unpackedSize }] = JSON.parse(listed);
  const tarball = join(folder, filename);
  return {
    folder,
    tarball,
    files: files.map(({ path }) => path),
    unpackedSize,
    /** A new project with the package installed, and with `sources` by path. */
    async project(name, sources, type = "module") {
      const project = join(folder, name);
      await mkdir(project);
      await write(project, { "package.json": JSON.stringify({ name, private: true, type }) });
      await run("npm", ["install", "--offline", "--no-audit", "--no-fund", "--no-package-lock", tarball], project);
      await write(project, sources);
      return project;
    },
    remove: () => rm(folder, { recursive: true, force: true }),
  };
}

async function write(folder, sources) {
  for (const [path, text] of Object.entries(sources)) {
    const file = join(folder, path);
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, text);
  }
}

/** Uses both classes, and gives `EXPECTED`. `isocache` and `memory` are the names of what was imported from where. */
export const USE = `
async function use(isocache, memory) {
  const cache = new memory.MemoryCache({ maxEntries: 2, ttl: "5m", maxBytes: 100, sizeOf: () => 1 });
  cache.set("a", 1).set("b", { two: 2 }).set("c", "é😀");
  const asynchronous = new isocache.Cache({ namespace: "n" });
  await asynchronous.set("a", [1]);
  let loads = 0;
  const load = async () => {
    await undefined;
    return ++loads;
  };
  const callers = Promise.all([asynchronous.getOrSet("b", load), asynchronous.getOrSet("b", load)]);
  const squared = isocache.cached(async (n) => n * n, { key: "square:{0}", cache: asynchronous });
  return {
    loaded: [...(await callers), await squared(7), await asynchronous.get("square:7")],
    entries: [...cache],
    hit: cache.get("b"),
    cleared: cache.clearPattern("[a-b]*"),
    asynchronous: await asynchronous.get("a"),
    same: isocache.MemoryCache === memory.MemoryCache,
    // Those that begin with a $ are for isocache/wasm, which shares the code.
    names: [isocache, memory].map((all) => Object.keys(all).filter((name) => !name.startsWith("$")).sort()),
  };
}
`;
export const EXPECTED = {
  entries: [
    ["c", "é😀"],
    ["b", { two: 2 }],
  ],
  hit: { two: 2 },
  cleared: 1,
  loaded: [1, 1, 49, 49],
  asynchronous: [1],
  same: true,
  names: [Object.keys(isocache).sort(), Object.keys(memory).sort()],
};
