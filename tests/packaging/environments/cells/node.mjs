/** Node, and the tools that run programs and tests in it. */

import { build } from "esbuild";
import { startBridge, TOKEN } from "../../../js/http/support/servers.mjs";
import { CJS, ESM, PRINT_CJS, PRINT_ESM, PROGRAM } from "../lab.mjs";

const FILES = { "main.mjs": PRINT_ESM, "main.cjs": PRINT_CJS };
/** How long a test of a tool may take: by default five seconds, which a slow machine may need. */
const LIMIT = "--testTimeout=600000";

const nodes = [18, 20, 22, 24, 26].flatMap((major) =>
  ["import", "require"].map((how) => ({
    name: `Node ${major}, ${how}`,
    engine: "wasm",
    async run(lab) {
      const node = await lab.node(major);
      const project = await lab.project("node", { files: FILES });
      const text = await project.run(node, [how === "import" ? "main.mjs" : "main.cjs"]);
      return { text, version: (await lab.run(node, ["--version"])).trim().slice(1) };
    },
  })),
);

const jitless = ["import", "require"].map((how) => ({
  name: `Node --jitless, ${how}`,
  quick: true,
  engine: "js",
  async run(lab) {
    const project = await lab.project("node", { files: FILES });
    const text = await project.run(process.execPath, ["--jitless", how === "import" ? "main.mjs" : "main.cjs"]);
    return { text, version: process.versions.node };
  },
}));

// A snapshot is made of a single file, and cannot hold WebAssembly.
const snapshot = {
  name: "Node, startup snapshot",
  quick: true,
  engine: "js",
  async run(lab) {
    const entry = `import * as isocache from "isocache/js";
      const { MemoryCache, advisor, escapeGlob } = isocache;
      const memory = { MemoryCache, advisor, escapeGlob };
      ${PROGRAM}
      const kept = new MemoryCache().set("kept", 1);
      require("node:v8").startupSnapshot.setDeserializeMainFunction(() => {
        printed().then((text) => console.log(kept.get("kept") === 1 ? text : "the entry is lost"));
      });`;
    const project = await lab.project("node", { files: { ...FILES, "snapshot.js": entry } });
    await build({
      ...{ absWorkingDir: project.folder, entryPoints: ["snapshot.js"], bundle: true, outfile: "snapshot.cjs" },
      ...{ format: "cjs", external: ["node:v8"] },
    });
    await project.run(process.execPath, ["--snapshot-blob", "snapshot.blob", "--build-snapshot", "snapshot.cjs"]);
    const text = await project.run(process.execPath, ["--snapshot-blob", "snapshot.blob"]);
    return { text, version: process.versions.node };
  },
};

const tsx = [20, 22, 24].flatMap((major) =>
  ["cts", "mts"].map((kind) => ({
    name: `tsx .${kind}, Node ${major}`,
    quick: major === 20,
    engine: "wasm",
    async run(lab) {
      const node = major === 20 ? process.execPath : await lab.node(major);
      const files = { "main.cts": PRINT_CJS, "main.mts": PRINT_ESM };
      const project = await lab.project("tsx", { tools: { tsx: "4.23.15" }, files });
      const text = await project.run(node, ["node_modules/tsx/dist/cli.mjs", `main.${kind}`]);
      return { text, version: await project.version("tsx") };
    },
  })),
);

const tsNode = {
  name: "ts-node, CommonJS",
  engine: "wasm",
  async run(lab) {
    const options = {
      module: "commonjs",
      moduleResolution: "node10",
      target: "es2022",
      esModuleInterop: true,
      strict: true,
    };
    const project = await lab.project("ts-node", {
      tools: { "ts-node": "10.9.2", typescript: "5.9.3", "@types/node": "20.19.43" },
      type: "commonjs",
      files: {
        "tsconfig.json": JSON.stringify({ compilerOptions: options }),
        // The types have tests of their own.
        "main.ts": `// @ts-nocheck\n${ESM}printed().then((text) => console.log(text));\n`,
      },
    });
    return { text: await project.run(project.bin("ts-node"), ["main.ts"]), version: await project.version("ts-node") };
  },
};

const jest = ["node", "jsdom"].map((environment) => ({
  name: `Jest, ${environment}`,
  quick: environment === "jsdom",
  engine: "wasm",
  async run(lab) {
    const test = `/** @jest-environment ${environment} */\n${CJS}
      test("works", async () => { require("fs").writeFileSync("result.txt", await printed()); });`;
    const project = await lab.project("jest", {
      tools: { jest: "30.5.2", "jest-environment-jsdom": "30.5.2" },
      type: "commonjs",
      files: { "main.test.js": test },
    });
    await project.run(project.bin("jest"), ["--no-cache", LIMIT]);
    return { text: await project.read("result.txt"), version: await project.version("jest") };
  },
}));

/** Speaks to a bridge: what the environment has for requests and bytes may be of another realm than Node's. */
const OVER_BRIDGE = `
  const options = { url: process.env.BRIDGE, token: "${TOKEN}", timeout: "5m" };
  const http = new HttpCache(options);
  await http.set("text", { a: ["é😀"] });
  expect(await http.get("text")).toEqual({ a: ["é😀"] });
  const bytes = new HttpCache({ ...options, serializer: messagePackSerializer });
  await bytes.set("bytes", new Uint8Array([0, 255]));
  expect([...(await bytes.get("bytes"))]).toEqual([0, 255]);
  // By the environment's own function.
  const fetched = new HttpCache({ ...options, fetch: (url, init) => fetch(url, init) });
  expect(await fetched.get("text")).toEqual({ a: ["é😀"] });`;

const vitest = ["node", "jsdom", "happy-dom"].map((environment) => ({
  name: `Vitest, ${environment}`,
  quick: environment === "happy-dom",
  engine: "wasm",
  async run(lab) {
    const test = `import { expect, test } from "vitest";\nimport { writeFileSync } from "node:fs";\n${ESM}
      import { HttpCache } from "isocache/http";
      import { messagePackSerializer } from "isocache/msgpack";
      test("works", async () => {
        writeFileSync("result.txt", await printed());${OVER_BRIDGE}
      });`;
    const project = await lab.project("vitest", {
      tools: { vitest: "4.1.12", jsdom: "27.4.0", "happy-dom": "20.8.9" },
      files: { "main.test.js": test },
    });
    const bridge = await startBridge("--allow-origin", "http://localhost:3000");
    try {
      const env = { BRIDGE: bridge.url };
      await project.run(project.bin("vitest"), ["run", "--environment", environment, LIMIT], { env });
    } finally {
      await bridge.close();
    }
    return { text: await project.read("result.txt"), version: await project.version("vitest") };
  },
}));

const vitestInBrowser = {
  name: "Vitest, browser mode",
  engine: "js",
  async run(lab) {
    const chromium = { executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox"] };
    const project = await lab.project("vitest-browser", {
      tools: { vitest: "4.1.12", "@vitest/browser-playwright": "4.1.12", playwright: "1.65.1" },
      files: {
        "vitest.config.js": `import { playwright } from "@vitest/browser-playwright";
          const provider = playwright({ launchOptions: ${JSON.stringify(chromium)} });
          const browser = { enabled: true, headless: true, provider, instances: [{ browser: "chromium" }] };
          export default { test: { browser: { ...browser, screenshotFailures: false } } };`,
        "main.test.js": `import { test } from "vitest";\n${ESM}test("works", async () => console.log(await printed()));`,
      },
    });
    const text = await project.run(project.bin("vitest"), ["run", LIMIT]);
    return { text, version: await project.version("vitest") };
  },
};

export default [...nodes, ...jitless, snapshot, ...tsx, tsNode, ...jest, ...vitest, vitestInBrowser];
