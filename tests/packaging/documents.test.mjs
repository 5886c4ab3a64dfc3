// Every JavaScript block of the README and of docs/ is strict TypeScript, at the oldest supported version and at the newest.

import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { codeBlocks, isJavaScript, pages } from "../js/support/examples.mjs";
import { root, run } from "./support.mjs";
import { STRICT, VERSIONS } from "./typescript.mjs";

const blocks = pages().flatMap((path) =>
  codeBlocks(readFileSync(join(root, path), "utf8"))
    .filter(isJavaScript)
    .map(({ line, code }) => ({ path, line, code, file: `${path.replaceAll(/[/.]/g, "-")}-${line}.mts` })),
);

describe("blocks of the documentation", () => {
  let folder;
  before(() => {
    // Below the root, where the names of packages resolve.
    mkdirSync(join(root, "target"), { recursive: true });
    folder = mkdtempSync(join(root, "target", "documents-"));
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  /** What the compiler finds, as `README.md:12: error …`. */
  async function errors({ tsc }, sources) {
    for (const { file, code } of sources) {
      writeFileSync(join(folder, file), `${code}\nexport {};\n`);
    }
    const compilerOptions = {
      ...{ target: STRICT.target, lib: STRICT.lib, types: ["node"], module: "nodenext", moduleResolution: "nodenext" },
      // The library's declarations have a test of their own.
      ...{ strict: true, skipLibCheck: true, noEmit: true },
    };
    const settings = {
      compilerOptions: { ...compilerOptions, skipLibCheck: true },
      files: sources.map(({ file }) => file),
    };
    writeFileSync(join(folder, "tsconfig.json"), JSON.stringify(settings));
    const failure = await run(process.execPath, [tsc, "-p", "tsconfig.json", "--pretty", "false"], folder).then(
      () => undefined,
      (error) => error,
    );
    if (failure === undefined) {
      return [];
    }
    const found = [...failure.stdout.matchAll(/^(\S+\.mts)\((\d+),\d+\): (.*)$/gm)].map(([, file, at, message]) => {
      const { path, line } = sources.find((source) => source.file === file);
      return `${path}:${line + Number(at) - 1}: ${message}`;
    });
    assert.ok(found.length > 0, failure.message);
    return found;
  }

  for (const typescript of [VERSIONS[0], VERSIONS.at(-1)]) {
    test(`compile with TypeScript ${typescript.version}`, async () => {
      assert.ok(blocks.length >= 5, `${blocks.length} blocks`);
      assert.deepEqual(await errors(typescript, blocks), []);
    });
  }

  test("a wrong block is noticed, at its line", async () => {
    const code = 'import { MemoryCache } from "isocache";\n\nnew MemoryCache<number>().set("a", "text");';
    const [found, ...more] = await errors(VERSIONS[0], [{ path: "docs/a.md", line: 7, code, file: "wrong.mts" }]);
    assert.match(found, /^docs\/a\.md:9: error TS2345: /);
    assert.deepEqual(more, []);
  });
});
