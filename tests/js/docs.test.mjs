// Every JavaScript example in README, docs/ and the documentation comments runs, and gives what the comments beside it say.
// So does every line of curl with its answer. The Rust blocks are doctests of docs/doctests.rs.

import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { rm, writeFile } from "node:fs/promises";
import { test } from "node:test";
import { Cache, setDefaultCache } from "isocache";
import { sizes } from "../../pkg/bench/sizes.mjs";
import { run as runCommand } from "../support/processes.mjs";
import { startOpenBridge } from "./http/support/servers.mjs";
import { checkedModule, codeBlocks, commentBlocks, isJavaScript, pages } from "./support/examples.mjs";

const root = new URL("../../", import.meta.url);
/** Where the examples say that a bridge is. */
const BRIDGE = "http://127.0.0.1:8079";
let made = 0;

const read = (path) => readFileSync(new URL(path, root), "utf8");
const sources = readdirSync(new URL("pkg/src/", root), { recursive: true })
  .filter((name) => name.endsWith(".ts"))
  .map((name) => `pkg/src/${name}`);
const documents = [
  ...pages().map((path) => ({ path, blocks: codeBlocks(read(path)) })),
  ...sources.map((path) => ({ path, blocks: commentBlocks(read(path)) })),
];

/** Calls `act` with the text, in which the address is that of a bridge that ends afterwards, if the text has one. */
async function withBridge(text, act) {
  if (!text.includes(BRIDGE)) {
    return act(text);
  }
  const bridge = await startOpenBridge();
  try {
    return await act(text.replaceAll(BRIDGE, bridge.url));
  } finally {
    await bridge.close();
  }
}

/** Limits of a second and more, as examples have them by default, are out of the reach of a slow machine. */
function patient(t) {
  const { setTimeout } = globalThis;
  t.mock.method(globalThis, "setTimeout", (act, ms, ...rest) => setTimeout(act, ms < 1000 ? ms : 300 * ms, ...rest));
}

/** Runs an example from a file in this folder, where the names of packages resolve; the number of its checks. */
function run(code) {
  return withBridge(code, async (text) => {
    const { module, checks } = checkedModule(text);
    const file = new URL(`.example-${process.pid}-${made++}.mjs`, import.meta.url);
    await writeFile(file, module);
    // Examples of cached functions share keys; none is to find what another has stored.
    setDefaultCache(new Cache());
    try {
      await import(file.href);
    } finally {
      await rm(file);
    }
    return checks;
  });
}

for (const { path, blocks } of documents) {
  for (const { line, code } of blocks.filter(isJavaScript)) {
    test(`${path}, line ${line}`, async (t) => {
      patient(t);
      t.diagnostic(`${await run(code)} checks`);
    });
  }
}

test("README.md and the comments have examples, with checks", () => {
  const javascript = ({ blocks }) => blocks.filter(isJavaScript);
  const readme = javascript(documents.find(({ path }) => path === "README.md"));
  assert.ok(readme.some(({ code }) => checkedModule(code).checks > 0));
  assert.ok(documents.filter(({ path }) => path.startsWith("pkg/src/")).flatMap(javascript).length >= 2);
});

// tests/docs_bridge runs those of the bridge's own page, which has more of them, and servers with options.
for (const { path, blocks } of documents.filter(({ path }) => path !== "docs/bridge.md")) {
  for (const { line, code } of blocks.filter(({ language }) => language === "sh")) {
    const commands = [...code.matchAll(/^(curl .*?)(?: # (.*)|\n# (.*))$/gm)];
    if (commands.length === 0) {
      continue;
    }
    test(`${path}, line ${line}`, () =>
      withBridge(code, async (text) => {
        for (const [, command, beside, below] of text.matchAll(/^(curl .*?)(?: # (.*)|\n# (.*))$/gm)) {
          const stdout = await runCommand("bash", ["-c", `${command} -sS`]);
          assert.equal(stdout.trimEnd(), beside ?? below, command);
        }
      }));
  }
}

test("every block is of a language that a test runs or that is no program", () => {
  // What else stands after the three backticks, rustdoc would take for a reason not to run the block.
  const known = /^(js|ts|rust(,no_run|,compile_fail)?|sh|toml|json|text)$/;
  const doctests = read("docs/doctests.rs");
  for (const { path, blocks } of documents.filter(({ path }) => path.endsWith(".md"))) {
    for (const { line, info } of blocks) {
      assert.match(info, known, `${path}, line ${line}`);
    }
    if (blocks.some(({ language }) => language === "rust")) {
      const name = path === "README.md" ? "../README.md" : path.replace("docs/", "");
      assert.ok(doctests.includes(`"${name}"`), `${path} has Rust blocks; name it in docs/doctests.rs`);
    }
  }
});

test("shell blocks have commands that are known", () => {
  const known =
    /^(curl|cargo (add|run|build|doc|install)|npm (install|start|pack|run|test)|npx (vite|wrangler)|make|isocache|redis-server|redis-cli|export|printf|echo|docker|kill|cd|git clone|#|$)/;
  for (const { path, blocks } of documents.filter(({ path }) => path.endsWith(".md"))) {
    for (const { line, code } of blocks.filter(({ language }) => language === "sh")) {
      for (const command of code.split("\n")) {
        assert.match(command, path === "docs/bridge.md" ? /^/ : known, `${path}, line ${line}`);
      }
    }
  }
});

test("the sizes in the README are those of the bundles", async () => {
  const row = /^\| size in a bundle.*$/m.exec(read("README.md"))[0];
  const [, memory, all, peer] = /(\d+) kB \(memory\), (\d+) kB \(all\) \| \*\*(\d+) kB/.exec(row).map(Number);
  const measured = Object.fromEntries((await sizes()).map(({ name, brotli }) => [name, brotli / 1000]));
  for (const [name, said] of Object.entries({ "isocache/memory": memory, isocache: all, "lru-cache": peer })) {
    assert.ok(
      Math.abs(measured[name] - said) <= Math.max(1, said / 10),
      `${name} has ${measured[name]} kB, not ${said}`,
    );
  }
});

test("the paths in ARCHITECTURE.md, CONTRIBUTING.md and tests/README.md exist", () => {
  for (const document of ["ARCHITECTURE.md", "CONTRIBUTING.md", "tests/README.md"]) {
    const paths = [...read(document).matchAll(/`((?:[\w.-]+\/)+[\w.-]*)`/g)].map(([, path]) => path);
    assert.ok(paths.length > 2, document);
    // The build makes it.
    for (const path of paths.filter((path) => path !== "pkg/dist/")) {
      // A path is from the root, or from the folder of its document.
      const places = [root, new URL(document, root)].map((base) => new URL(path, base));
      assert.ok(places.some(existsSync), `${document}: ${path}`);
    }
  }
});

test("ARCHITECTURE.md names every folder, and each change has a row", () => {
  const page = read("ARCHITECTURE.md");
  const folders = ["src", "pkg/src", "crates", "crates/bridge/src", "tests", "tests/js"].flatMap((parent) =>
    readdirSync(new URL(parent, root), { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => `${parent}/${name}`),
  );
  assert.ok(folders.length > 60, `${folders.length} folders`);
  assert.deepEqual(
    folders.filter((folder) => !page.includes(`\`${folder}\``) && !page.includes(`\`${folder}/`)),
    [],
  );
  const changes = [
    ["an eviction policy", "src/engine/policy.rs"],
    ["a Rust provider", "src/remote/store.rs"],
    ["a JavaScript provider", "pkg/src/provider.ts"],
    ["a bridge command", "crates/bridge/src/access/table/"],
    ["an option of `getOrSet`", "pkg/src/load/options.ts"],
    ["an HTTP error text", "pkg/src/http/errors.ts"],
    ["a chart on the page", "www/src/hit-ratio-chart.js"],
    ["the release number", "Cargo.toml"],
    ["a subcommand of `isocache`", "crates/bridge/src/cli.rs"],
    ["what a glob matches", "src/glob.rs"],
    ["an algorithm of the rate limiter", "src/limiter/"],
    ["what a tier does when its stream breaks", "pkg/src/tiered/link.ts"],
    ["a metric", "crates/bridge/src/server/metrics.rs"],
    ["the limit on the size of a bundle", "pkg/bench/limits.mjs"],
    ["an environment that is tested", "tests/packaging/environments/cells/"],
  ];
  for (const [change, file] of changes) {
    const row = page.split("\n").find((line) => line.startsWith(`| ${change}`));
    assert.ok(row?.includes(`\`${file}\``), change);
  }
});

test("a wrong example is noticed", async () => {
  const head =
    'import { MemoryCache } from "isocache";\nconst cache = new MemoryCache();\ncache.set("a", { name: "Ada" });\n';
  assert.equal(
    await run(`${head}cache.get("a"); // { name: "Ada" }\ncache.get("b"); // undefined\nconst n = cache.size; // 1`),
    3,
  );
  assert.equal(await run(`${head}cache.getMany([\n  "a",\n]); // [{ name: "Ada" }]\n{ cache.size; // 1\n}`), 2);
  assert.equal(await run(`${head}cache.clear(); // all gone\n// 5\ncache.size;\n// 7`), 0);
  for (const wrong of [
    'cache.get("a"); // { name: "Eve" }',
    'cache.get("b"); // null',
    "const n = cache.size; // 2",
    "Promise.resolve(1); // 1",
    "cache.size; // 1 entry",
    'import "isocache"; cache.gone();',
    "syntax error",
  ]) {
    await assert.rejects(run(head + wrong), wrong);
  }
});
