// What is in the package: everything that it names, and nothing else.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { after, before, describe, test } from "node:test";
import { transform } from "esbuild";
import { UNPACKED_LIMIT } from "../../pkg/bench/limits.mjs";
import { bin, packed, root, run } from "./support.mjs";

describe("tarball", () => {
  let pack;
  let installed;
  let manifest;

  before(async () => {
    pack = await packed();
    installed = join(await pack.project("tarball", {}), "node_modules", "isocache");
    manifest = JSON.parse(await readFile(join(installed, "package.json"), "utf8"));
  });
  after(() => pack?.remove());

  test("holds the built files, the licences, package.json, a README, and nothing else", () => {
    const allowed = ["package.json", "README.md", "LICENSE-MIT", "LICENSE-APACHE"];
    const others = pack.files.filter((path) => !allowed.includes(path));
    assert.deepEqual(
      others.filter(
        (path) => !/^dist\/([\w.-]+\.(js|cjs|d\.ts)|([\w-]+\/)?[\w.-]+\.d\.cts)$|^\w+\/package\.json$/.test(path),
      ),
      [],
    );
    for (const path of ["package.json", "LICENSE-MIT", "LICENSE-APACHE", "dist/index.js", "memory/package.json"]) {
      assert.ok(pack.files.includes(path), path);
    }
  });

  test("is no larger than it has to be", () => {
    const { unpackedSize } = pack;
    assert.ok(unpackedSize <= UNPACKED_LIMIT, `${unpackedSize} bytes, of at most ${UNPACKED_LIMIT}`);
  });

  test("holds every file that package.json names", () => {
    const targets = [];
    const gather = (value) => (typeof value === "string" ? targets.push(value) : Object.values(value).forEach(gather));
    gather([manifest.exports, manifest.main, manifest.module, manifest.types]);
    assert.ok(targets.length > 10);
    assert.deepEqual(
      targets.filter((path) => !pack.files.includes(path.replace("./", ""))),
      [],
    );
  });

  test("needs no other package, runs no script, and says under what licence it is", () => {
    for (const field of ["dependencies", "peerDependencies", "optionalDependencies", "scripts", "bundleDependencies"]) {
      assert.equal(manifest[field], undefined, field);
    }
    assert.equal(manifest.license, "MIT OR Apache-2.0");
    assert.equal(manifest.type, "module");
  });

  test("tells nothing of the machine on which it was built", async () => {
    for (const path of pack.files) {
      const bytes = await readFile(join(installed, path));
      for (const told of [root.replace(/\/$/, ""), homedir(), ".cargo/registry", "file://"]) {
        // A home of one or two letters, such as `/`, would be found everywhere.
        assert.ok(told.length < 4 || !bytes.includes(told), `${path} has ${told}`);
      }
    }
  });

  test("loads without a top-level await, a node: import, import.meta or a fetch", async () => {
    for (const path of pack.files.filter((path) => /\.c?js$/.test(path))) {
      const code = await readFile(join(installed, path), "utf8");
      // A top-level await cannot be expressed in CommonJS.
      await transform(code, { format: "cjs" });
      assert.doesNotMatch(
        code,
        /["']node:|import\.meta|\bfetch\(|\brequire\(["'](?!\.\/(index|core|engine-(js|wasm))\.cjs)/m,
        path,
      );
    }
  });

  test("has no `any` in its public types", async () => {
    const types = pack.files.filter((path) => /\.d\.c?ts$/.test(path));
    assert.ok(types.length >= 4);
    for (const path of types) {
      const code = (await readFile(join(installed, path), "utf8")).replace(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, "");
      assert.doesNotMatch(code, /\bany\b/, path);
    }
  });

  test("publint finds nothing", async () => {
    assert.match(await run(bin("publint"), ["run", "--strict", pack.tarball], pack.folder), /All good/);
  });

  test("attw finds nothing", async () => {
    await run(bin("attw"), [pack.tarball, "--no-color"], pack.folder);
  });

  test("declarations name files of CommonJS, which both kinds may import, and all are there", async () => {
    for (const path of pack.files.filter((path) => /\.d\.c?ts$/.test(path))) {
      const code = await readFile(join(installed, path), "utf8");
      assert.doesNotMatch(code, /"\.{1,2}\/[^"]+\.js"/, path);
      for (const [, target] of code.matchAll(/"(\.{1,2}\/[^"]+)\.cjs"/g)) {
        const declared = join(dirname(path), `${target}.d.cts`);
        assert.ok(pack.files.includes(declared), `${path} names ${declared}`);
      }
    }
  });

  test("npm would publish it", async () => {
    const { name, version } = manifest;
    const words = ["publish", pack.tarball, "--dry-run", "--json", "--offline", "--access", "public"];
    const printed = JSON.parse(await run("npm", words, pack.folder));
    // Newer versions of npm print it under its name.
    const published = printed[name] ?? printed;
    assert.deepEqual([published.name, published.version], [name, version]);
  });

  test("says where it comes from", () => {
    assert.match(manifest.repository.url, /^git\+https:\/\/.+\.git$/);
    assert.equal(manifest.repository.directory, "pkg");
    assert.match(manifest.homepage, /^https:\/\//);
    assert.match(manifest.bugs, /^https:\/\//);
  });
});
