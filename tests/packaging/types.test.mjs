// The published types, as strict programs of every kind compile against them.

import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { bin, packed, run } from "./support.mjs";

const STRICT = {
  target: "ES2022",
  lib: ["ES2022", "ESNext.Disposable", "DOM"],
  types: [],
  strict: true,
  exactOptionalPropertyTypes: true,
  noUncheckedIndexedAccess: true,
  noPropertyAccessFromIndexSignature: true,
  skipLibCheck: false,
  noEmit: true,
};

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

describe("types", () => {
  let pack;
  let project;
  let source;

  before(async () => {
    pack = await packed();
    source = await readFile(new URL("types/consumer.ts", import.meta.url), "utf8");
    project = await pack.project("types", {
      "consumer.mts": source,
      "consumer.cts": source,
      "plain.mts": PLAIN,
      "using.mts": USING,
    });
  });
  after(() => pack?.remove());

  async function compile(name, files, options) {
    const config = join(project, `tsconfig.${name}.json`);
    await writeFile(config, JSON.stringify({ compilerOptions: { ...STRICT, ...options }, files }));
    await run(bin("tsc"), ["-p", config], project);
  }
  const nodenext = { module: "nodenext", moduleResolution: "nodenext" };
  const bundler = { module: "esnext", moduleResolution: "bundler" };

  test("an ES module under nodenext", () => compile("esm", ["consumer.mts"], nodenext));

  test("CommonJS under nodenext", () => compile("cjs", ["consumer.cts"], nodenext));

  test("under bundler", () => compile("bundler", ["consumer.mts"], bundler));

  test("without the libraries of disposables and the DOM, all libraries checked", () =>
    compile("plain", ["plain.mts"], { ...nodenext, lib: ["ES2022"] }));

  test("with `using`", () => compile("using", ["using.mts"], { ...nodenext, target: "ES2022" }));

  test("the compiler did look at the negative cases", async () => {
    const wrong = source.replaceAll(/^.*@ts-expect-error.*$/gm, "");
    const cases = source.match(/@ts-expect-error/g).length;
    await writeFile(join(project, "wrong.mts"), wrong);
    const output = await compile("wrong", ["wrong.mts"], nodenext).catch((error) => error.message);
    const lines = new Set(output.match(/wrong\.mts[(:]\d+/g));
    assert.equal(lines.size, cases, output);
  });
});
