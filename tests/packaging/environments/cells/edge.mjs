/** Edge runtimes and workers, other runtimes of servers, and frameworks that build for them. */

import { build } from "esbuild";
import { startWorker } from "../../../js/support/workerd.mjs";
import { withinLimit } from "../../../support/waiting.mjs";
import { ESM, PRINT_CJS, PRINT_ESM, PROGRAM } from "../lab.mjs";

const HANDLER = `${ESM}export default { fetch: async () => new Response(await printed()) };\n`;
const FILES = { "main.mjs": PRINT_ESM, "main.cjs": PRINT_CJS };

export const answer = async (url) => {
  const response = await withinLimit(`a response of ${url}`, fetch(url));
  return withinLimit(`the body of ${url}`, response.text());
};

const deno = ["import, no permissions", "require"].map((how) => ({
  name: `Deno, ${how}`,
  quick: true,
  engine: "wasm",
  async run(lab) {
    const project = await lab.project("deno", { tools: { deno: "2.9.5" }, files: FILES });
    const words =
      how === "require" ? ["run", "--allow-read", "--allow-env", "main.cjs"] : ["run", "--no-prompt", "main.mjs"];
    return { text: await project.run(project.bin("deno"), words), version: await project.version("deno") };
  },
}));

const bun = ["import", "require"].map((how) => ({
  name: `Bun, ${how}`,
  quick: true,
  engine: "wasm",
  async run(lab) {
    const project = await lab.project("bun", { tools: { bun: "1.4.5" }, files: FILES });
    const text = await project.run(project.bin("bun"), ["run", how === "import" ? "main.mjs" : "main.cjs"]);
    return { text, version: await project.version("bun") };
  },
}));

const workerd = ["isocache", "isocache/wasm"].map((entry) => ({
  name: `workerd, ${entry}`,
  engine: entry === "isocache" ? "js" : "wasm",
  async run(lab) {
    const source =
      entry === "isocache"
        ? HANDLER
        : `import * as isocache from "${entry}";
          const memory = (({ MemoryCache, advisor, escapeGlob }) => ({ MemoryCache, advisor, escapeGlob }))(isocache);
          ${PROGRAM}export default { fetch: async () => new Response(await printed()) };`;
    const project = await lab.project("workerd", {
      tools: { workerd: "1.20261023.1" },
      files: { "worker.js": source },
    });
    const worker = await startWorker(project.path("worker.js"), { compatibilityDate: "2026-01-01", vars: {} });
    try {
      return { text: await answer(worker.url), version: await project.version("workerd") };
    } finally {
      await worker.close();
    }
  },
}));

const miniflare = {
  name: "Miniflare",
  engine: "js",
  async run(lab) {
    const project = await lab.project("miniflare", {
      tools: { miniflare: "4.20260426.0" },
      files: {
        "worker.js": HANDLER,
        "main.mjs": `import { Miniflare } from "miniflare";
          const flare = new Miniflare({ modules: true, scriptPath: "dist/worker.js", compatibilityDate: "2026-01-01" });
          console.log(await (await flare.dispatchFetch("http://localhost/")).text());
          await flare.dispose();`,
      },
    });
    await build({
      ...{ absWorkingDir: project.folder, entryPoints: ["worker.js"], bundle: true, outfile: "dist/worker.js" },
      ...{ format: "esm", conditions: ["workerd", "worker", "browser"] },
    });
    return { text: await project.run(process.execPath, ["main.mjs"]), version: await project.version("miniflare") };
  },
};

const wrangler = {
  name: "Wrangler, deploy --dry-run",
  engine: "js",
  async run(lab) {
    const project = await lab.project("wrangler", {
      tools: { wrangler: "4.86.0" },
      files: {
        "worker.js": HANDLER,
        "wrangler.json": JSON.stringify({ name: "test", main: "worker.js", compatibility_date: "2026-01-01" }),
      },
    });
    await project.run(project.bin("wrangler"), ["deploy", "--dry-run", "--outdir", "dist"]);
    const worker = await startWorker(project.path("dist/worker.js"), { compatibilityDate: "2026-01-01", vars: {} });
    try {
      return { text: await answer(worker.url), version: await project.version("wrangler") };
    } finally {
      await worker.close();
    }
  },
};

const edgeRuntime = {
  name: "edge-runtime",
  quick: true,
  engine: "js",
  async run(lab) {
    const project = await lab.project("edge-runtime", {
      tools: { "edge-runtime": "4.0.1" },
      files: {
        "edge.js": `${ESM}addEventListener("fetch", (event) => event.respondWith(printed().then((text) => new Response(text))));`,
        "main.mjs": `import { readFileSync } from "node:fs";
          import { EdgeRuntime } from "edge-runtime";
          const runtime = new EdgeRuntime({ initialCode: readFileSync("dist/edge.js", "utf8") });
          console.log(await (await runtime.dispatchFetch("http://localhost/")).text());`,
      },
    });
    await build({
      ...{ absWorkingDir: project.folder, entryPoints: ["edge.js"], bundle: true, outfile: "dist/edge.js" },
      ...{ format: "iife", conditions: ["edge-light", "worker", "browser"] },
    });
    return { text: await project.run(process.execPath, ["main.mjs"]), version: await project.version("edge-runtime") };
  },
};

const NITRO = {
  tools: { nitropack: "2.13.6" },
  files: {
    "nitro.config.mjs": 'export default { srcDir: "server", compatibilityDate: "2026-01-01" };',
    "server/routes/index.ts": `// @ts-nocheck\n${ESM}export default defineEventHandler(() => printed());\n`,
  },
};
const nitro = ["node-server", "cloudflare-module", "vercel-edge", "netlify-edge"].map((preset) => ({
  name: `Nitro, ${preset}`,
  engine: preset === "node-server" ? "wasm" : "js",
  async run(lab) {
    const project = await lab.project("nitro", NITRO);
    const env = await lab.newer();
    await project.run(project.bin("nitropack"), ["build", "--preset", preset], { env });
    const version = await project.version("nitropack");
    if (preset === "node-server") {
      const server = project.start(process.execPath, [".output/server/index.mjs"], {
        env: { PORT: "0", HOST: "127.0.0.1" },
      });
      try {
        const port = await server.said(/127\.0\.0\.1:(\d+)/);
        return { text: await answer(`http://127.0.0.1:${port}/`), version };
      } finally {
        await server.kill();
      }
    }
    if (preset === "cloudflare-module") {
      return { text: await inWorkerd(project, ".output/server/index.mjs"), version };
    }
    const entry =
      preset === "vercel-edge"
        ? ".vercel/output/functions/__fallback.func/index.mjs"
        : ".netlify/edge-functions/server/server.js";
    const main = `import handler from "./${entry}";
      const response = await handler(new Request("http://localhost/"), {});
      console.log(await response.text());`;
    await build({ stdin: { contents: main, resolveDir: project.folder }, ...EDGE(project, "dist/edge.mjs") });
    return { text: await project.run(process.execPath, ["dist/edge.mjs"]), version };
  },
}));

const EDGE = (project, outfile) => ({
  ...{ absWorkingDir: project.folder, bundle: true, format: "esm", outfile, platform: "node", logLevel: "error" },
});

/** Serves a worker that a framework has bundled. */
export async function inWorkerd(project, path, url = "/") {
  const outfile = project.path("worker.mjs");
  await build({
    ...{ absWorkingDir: project.folder, entryPoints: [path], bundle: true, format: "esm", outfile, logLevel: "error" },
    ...{
      conditions: ["workerd", "worker", "browser"],
      external: ["cloudflare:*", "node:*", "__STATIC_CONTENT_MANIFEST"],
    },
  });
  const worker = await startWorker(outfile, {
    compatibilityDate: "2026-01-01",
    compatibilityFlags: ["nodejs_compat"],
    vars: {},
  });
  try {
    return await answer(worker.url + url);
  } finally {
    await worker.close();
  }
}

export default [...deno, ...bun, ...workerd, miniflare, wrangler, edgeRuntime, ...nitro];
