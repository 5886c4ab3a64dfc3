// The published types, as strict programs of every kind compile against them.

import assert from "node:assert/strict";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { packed, root, run } from "./support.mjs";
import { hasNode10, STRICT, VERSIONS } from "./typescript.mjs";

const PLAIN = `
import { Cache, MemoryCache } from "isocache";
export const hit: number | undefined = new MemoryCache<number>({ ttl: "5m" }).set("a", 1).get("a");
export const cache: Cache<string> = new Cache().namespace<string>("n");
`;
const USING = `
import { Cache, MemoryCache } from "isocache";
export async function use(): Promise<void> {
  using memory = new MemoryCache<number>();
  await using cache = new Cache<number>({ provider: memory });
  await cache.set("a", 1);
}
`;
/** A library whose declarations have the types that TypeScript infers: each must have a public name. */
const INFERRED = `
import { Cache, HttpCache, MemoryCache, Tagged, TieredCache } from "isocache";
export const memory = new MemoryCache<number>();
export const http = new HttpCache<number>({ url: "https://cache.example" });
export const cache = new Cache<number>();
export const tagged = new Tagged<number>(memory);
export const tiered = new TieredCache<number>({ far: http });
export const read = (key: string) => tiered.get(key);
export const setInMemory = memory.set;
export const setOverHttp = http.setIfAbsent;
export const { set, setMany, replace } = cache;
export const { setMany: setTagged, clearPattern } = tagged;
export const { set: setTiered, getMany, setMany: setManyTiered } = tiered;
`;
const INFERRED_IN_MEMORY = `
import { MemoryCache } from "isocache/memory";
export const { set, setIfAbsent } = new MemoryCache<number>();
`;

const INFERRED_FILES = { "inferred.mts": INFERRED, "inferred-in-memory.mts": INFERRED_IN_MEMORY };
const FOLDER = new URL("types/", import.meta.url);
const PROGRAMS = ["consumer", "functions", "tiers"];

describe("types", () => {
  let pack;
  let project;
  const sources = {};

  before(async () => {
    assert.deepEqual((await readdir(FOLDER)).sort(), ["same.d.ts", ...PROGRAMS.map((name) => `${name}.ts`)].sort());
    pack = await packed();
    const files = { "same.d.ts": await readFile(new URL("same.d.ts", FOLDER), "utf8") };
    for (const name of PROGRAMS) {
      const source = await readFile(new URL(`${name}.ts`, FOLDER), "utf8");
      sources[name] = source;
      Object.assign(files, { [`${name}.mts`]: source, [`${name}.cts`]: source, [`node10/${name}.ts`]: source });
    }
    project = await pack.project("types", { ...files, "plain.mts": PLAIN, "using.mts": USING, ...INFERRED_FILES });
  });
  after(() => pack?.remove());

  const named = (pattern) => ["same.d.ts", ...PROGRAMS.map((name) => pattern.replace("*", name))];

  async function compile({ tsc }, name, files, options) {
    const config = join(project, `tsconfig.${name}.json`);
    await writeFile(config, JSON.stringify({ compilerOptions: { ...STRICT, ...options }, files }));
    await run(process.execPath, [tsc, "-p", config], project);
  }
  const nodenext = { module: "nodenext", moduleResolution: "nodenext" };
  const bundler = { module: "esnext", moduleResolution: "bundler" };
  const node10 = { module: "commonjs", moduleResolution: "node" };

  test("the README names the oldest versions", async () => {
    const readme = await readFile(join(root, "README.md"), "utf8");
    const [, oldest] = /TypeScript (\d+\.\d+) or newer/.exec(readme) ?? [];
    assert.ok(VERSIONS.length >= 3);
    assert.equal(VERSIONS[0].version.split(".", 2).join("."), oldest);
    const { engines } = JSON.parse(await readFile(join(root, "pkg/package.json"), "utf8"));
    assert.equal(
      engines.node,
      `>=${/\bNode (\d+)\b[^.]*\bDeno \d[^.]*\bBun \d.*\bChrome\b.*\bFirefox \d.*\bSafari \d/.exec(readme)?.[1]}`,
    );
  });

  for (const typescript of VERSIONS) {
    describe(`TypeScript ${typescript.version}`, () => {
      test("an ES module under nodenext", () => compile(typescript, "esm", named("*.mts"), nodenext));

      test("CommonJS under nodenext", () => compile(typescript, "cjs", named("*.cts"), nodenext));

      test("under bundler", () => compile(typescript, "bundler", named("*.mts"), bundler));

      if (hasNode10(typescript)) {
        test("under node, which knows no exports", () => compile(typescript, "node10", named("node10/*.ts"), node10));
      }

      test("without the libraries of disposables and the DOM, all libraries checked", () =>
        compile(typescript, "plain", ["plain.mts"], { ...nodenext, lib: ["ES2022"] }));

      test("a library's declarations name what is exported", async () => {
        const emitted = {
          ...nodenext,
          noEmit: false,
          declaration: true,
          outDir: join(project, "out"),
          rootDir: project,
        };
        for (const file of Object.keys(INFERRED_FILES)) {
          await compile(typescript, "inferred", [file], emitted);
        }
      });

      test("with `using`", () => compile(typescript, "using", ["using.mts"], nodenext));

      test("the compiler did look at the negative cases", async () => {
        for (const [name, source] of Object.entries(sources)) {
          const wrong = source.replaceAll(/^.*@ts-expect-error.*$/gm, "");
          const cases = source.match(/@ts-expect-error/g).length;
          await writeFile(join(project, "wrong.mts"), wrong);
          const files = ["same.d.ts", "wrong.mts"];
          const output = await compile(typescript, "wrong", files, nodenext).catch((error) => error.message);
          const lines = new Set(output.match(/wrong\.mts[(:]\d+/g));
          assert.equal(lines.size, cases, `${name}: ${output}`);
        }
      });
    });
  }
});
