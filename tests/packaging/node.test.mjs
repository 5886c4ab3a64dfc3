// The installed package in Node, by import and by require.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { EXPECTED, packed, run, USE } from "./support.mjs";

const IMPORT = `
import * as isocache from "isocache";
import * as memory from "isocache/memory";
${USE}
console.log(JSON.stringify(await use(isocache, memory)));
`;
const REQUIRE = `
const isocache = require("isocache");
const memory = require("isocache/memory");
${USE}
use(isocache, memory).then((result) => console.log(JSON.stringify(result)));
`;
const BOTH = `
(async () => {
  const paths = ["isocache", "isocache/memory", "isocache/http", "isocache/msgpack"];
  const required = paths.map((path) => require(path));
  const imported = await Promise.all(paths.map((path) => import(path)));
  console.log(JSON.stringify([
    required[0].Cache === imported[0].Cache,
    required[0].MemoryCache === imported[0].MemoryCache,
    required[1].MemoryCache === imported[1].MemoryCache,
    required[0].MemoryCache === required[1].MemoryCache,
    new required[0].MemoryCache() instanceof imported[1].MemoryCache,
    required[0].HttpCache === imported[2].HttpCache,
    required[2].CacheError === imported[0].CacheError,
    required[3].messagePackSerializer === imported[3].messagePackSerializer,
  ]));
})();
`;
const HIDDEN = `
import { createRequire } from "node:module";
const require = createRequire(import.meta.url);
const codes = [];
for (const path of ["isocache/dist/core.cjs", "isocache/src/table.js", "isocache/none"]) {
  codes.push(await import(path).catch(({ code }) => code));
}
console.log(JSON.stringify([codes, require("isocache/package.json").name]));
`;

describe("Node", () => {
  let pack;
  let project;

  before(async () => {
    pack = await packed();
    project = await pack.project("node", {
      "import.mjs": IMPORT,
      "require.cjs": REQUIRE,
      "both.cjs": BOTH,
      "hidden.mjs": HIDDEN,
    });
  });
  after(() => pack?.remove());

  const node = async (...args) => JSON.parse(await run(process.execPath, args, project));

  test("import", async () => assert.deepEqual(await node("import.mjs"), EXPECTED));

  test("require", async () => assert.deepEqual(await node("require.cjs"), EXPECTED));

  test("require finds the same classes as import", async () => {
    assert.deepEqual(await node("both.cjs"), Array(8).fill(true));
  });

  test("the files by their paths, as tools that do not read `exports` find them", async () => {
    const classic = `
      const { MemoryCache } = require("./node_modules/isocache/dist/index.cjs");
      const memory = require("./node_modules/isocache/dist/memory.cjs");
      const { HttpCache } = require("./node_modules/isocache/dist/http.cjs");
      const { messagePackSerializer } = require("./node_modules/isocache/dist/msgpack.cjs");
      const bytes = messagePackSerializer.serialize(new Map([[1n, new Date(5)]]));
      console.log(JSON.stringify([
        new MemoryCache().set("a", 1).get("a"),
        MemoryCache === memory.MemoryCache,
        new HttpCache({ url: "http://localhost" }).breakerState,
        [...messagePackSerializer.deserialize(bytes)].map(([key, value]) => [typeof key, value.getTime()]),
      ]));
    `;
    assert.deepEqual(await node("--eval", classic), [1, true, "closed", [["bigint", 5]]]);
  });

  test("nothing else of the package can be imported but its package.json", async () => {
    const refused = "ERR_PACKAGE_PATH_NOT_EXPORTED";
    assert.deepEqual(await node("hidden.mjs"), [[refused, refused, refused], "isocache"]);
  });

  // As in Jest's jsdom, which has no TextEncoder and no TextDecoder.
  for (const [what, pattern] of [
    ["keys and values", "é*"],
    ["patterns", "?[^b]*"],
  ]) {
    test(`${what} need no global but those of the language and WebAssembly`, async () => {
      const bare = `
        const vm = require("node:vm");
        const { readFileSync } = require("node:fs");
        const context = vm.createContext({});
        const load = (file) => {
          const code = readFileSync("./node_modules/isocache/dist/" + file, "utf8");
          const module = { exports: {} };
          vm.runInContext("(module, exports, require) => {" + code + "}", context)(module, module.exports, load);
          return module.exports;
        };
        const cache = new (load("index.cjs").MemoryCache)({ ttl: "5m" });
        console.log(JSON.stringify([cache.set("é", 1).get("é"), cache.clearPattern(${JSON.stringify(pattern)})]));
      `;
      assert.deepEqual(await node("--eval", bare), [1, 1]);
    });
  }
});
