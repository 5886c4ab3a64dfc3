/** Frameworks, in production builds, and React Native's bundler. */

import { createServer } from "node:net";
import { inChromium } from "../browsers.mjs";
import { ESM, PROGRAM } from "../lab.mjs";
import { answer, inWorkerd } from "./edge.mjs";

const freePort = () =>
  new Promise((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });

/** Starts a server and waits until it answers. */
async function served(project, command, args, env, port, use) {
  const server = project.start(command, args, { env });
  try {
    const url = `http://127.0.0.1:${port}`;
    for (let tries = 0; tries < 600; tries++) {
      const up = await fetch(url).then(
        () => true,
        () => false,
      );
      if (up) {
        return await use(url);
      }
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    throw new Error(`the server does not answer: ${server.why()}`);
  } finally {
    await server.kill();
  }
}

const NEXT = {
  tools: { next: "16.4.6", react: "19.2.1", "react-dom": "19.2.1" },
  files: {
    "app/layout.js":
      "export default ({ children }) => <html lang='en'><head><link rel='icon' href='data:,' /></head><body>{children}</body></html>;\n",
    "app/page.js": `${ESM}export const dynamic = "force-dynamic";
      export default async function Page() { return <pre>{await printed()}</pre>; }\n`,
    "app/client/page.js": `"use client";\nimport { useEffect } from "react";\n${ESM}
      export default function Page() {
        useEffect(() => { printed().then((text) => { window.result = JSON.stringify(text); }); }, []);
        return null;
      }\n`,
    "app/edge/route.js": `${ESM}export const runtime = "edge";
      export async function GET() { return new Response(await printed()); }\n`,
    "app/node/route.js": `${ESM}export const dynamic = "force-dynamic";
      export async function GET() { return new Response(await printed()); }\n`,
    "proxy.js": `${ESM}export async function proxy(request) {
        return request.nextUrl.pathname === "/proxy" ? new Response(await printed()) : undefined;
      }\n`,
    // Two bundles of one server: what the route handler invalidates, the page must load again.
    "app/user/page.js": `import { user } from "../../lib/user.js";
      export const dynamic = "force-dynamic";
      export default async function Page() { return <pre>{"value: " + (await user(1))}</pre>; }\n`,
    "app/invalidate/route.js": `import { user } from "../../lib/user.js";
      export const dynamic = "force-dynamic";
      export async function GET() { return new Response("invalidated: " + (await user.invalidate(1))); }\n`,
    "lib/user.js": `import { cached } from "isocache";
      const counts = (globalThis.counts ??= { loads: 0 });
      export const user = cached(async (id) => id + "/" + ++counts.loads, { key: "user:{0}" });\n`,
  },
};
const unescaped = (html) => html.replaceAll("&quot;", '"').replaceAll(/<!--.*?-->/g, "");
let built;

/** Builds once for all pages. */
async function next(lab, use) {
  const project = built === undefined ? await lab.project("next", NEXT) : built.project;
  if (built === undefined) {
    await project.run(project.bin("next"), ["build"]);
    built = { project };
  }
  const port = await freePort();
  const version = await project.version("next");
  const words = ["start", "--hostname", "127.0.0.1", "--port", String(port)];
  return { ...(await served(project, project.bin("next"), words, {}, port, use)), version };
}

const nexts = [
  ["server component", "/", "wasm"],
  ["route handler", "/node", "wasm"],
  ["edge route", "/edge", "js"],
  ["proxy", "/proxy", "wasm"],
].map(([what, path, engine]) => ({
  name: `Next, ${what}`,
  engine,
  run: (lab) => next(lab, async (url) => ({ text: unescaped(await answer(url + path)) })),
}));

const nextClient = {
  name: "Next, client component",
  engine: "js",
  run: (lab) => next(lab, (url) => inChromium({ url: `${url}/client` })),
};

const nextCopies = {
  name: "Next, invalidation from another bundle",
  engine: "wasm",
  run: (lab) =>
    next(lab, async (url) => {
      const values = [];
      for (const path of ["/user", "/user", "/invalidate", "/user"]) {
        values.push(/(?:value: [\d/]+|invalidated: \w+)/.exec(unescaped(await answer(url + path)))?.[0]);
      }
      const [first, second, invalidated, third] = values;
      if (first !== second || invalidated !== "invalidated: true" || third === first) {
        throw new Error(`the page and the route handler do not share a cache: ${values}`);
      }
      return { text: await answer(`${url}/node`) };
    }),
};

const nuxt = ["node-server", "cloudflare-module"].map((preset) => ({
  name: `Nuxt, ${preset}`,
  engine: preset === "node-server" ? "wasm" : "js",
  async run(lab) {
    const project = await lab.project("nuxt", {
      tools: { nuxt: "4.2.2", vue: "3.5.25" },
      files: {
        "nuxt.config.mjs": 'export default { compatibilityDate: "2026-01-01", telemetry: false };',
        "app/app.vue":
          `<script setup>\nconst text = await useAsyncData("text", async () => { ${PROGRAM.replaceAll("</", "<\\/")} return printed(); });\n</script>\n<template><pre>{{ text.data }}</pre></template>\n`.replace(
            "<script setup>",
            '<script setup>\nimport * as isocache from "isocache";\nimport * as memory from "isocache/memory";',
          ),
      },
    });
    const env = await lab.newer();
    await project.run(project.bin("nuxt"), ["build", "--preset", preset], { env });
    const version = await project.version("nuxt");
    if (preset === "cloudflare-module") {
      return { text: unescaped(await inWorkerd(project, ".output/server/index.mjs")), version };
    }
    const port = await freePort();
    const how = { HOST: "127.0.0.1", PORT: String(port) };
    return served(project, process.execPath, [".output/server/index.mjs"], how, port, async (url) => {
      return { text: unescaped(await answer(url)), version };
    });
  },
}));

const sveltekit = {
  name: "SvelteKit, adapter-node",
  engine: "wasm",
  async run(lab) {
    const project = await lab.project("sveltekit", {
      tools: {
        "@sveltejs/kit": "2.49.2",
        "@sveltejs/adapter-node": "5.4.0",
        "@sveltejs/vite-plugin-svelte": "6.2.1",
        svelte: "5.45.6",
        vite: "7.2.7",
      },
      files: {
        "svelte.config.js":
          'import adapter from "@sveltejs/adapter-node";\nexport default { kit: { adapter: adapter() } };\n',
        "vite.config.js":
          'import { sveltekit } from "@sveltejs/kit/vite";\nexport default { plugins: [sveltekit()] };\n',
        "src/app.html": "<!doctype html><html><head>%sveltekit.head%</head><body>%sveltekit.body%</body></html>",
        "src/routes/+server.js": `${ESM}export const GET = async () => new Response(await printed());\n`,
      },
    });
    await project.run(project.bin("svelte-kit"), ["sync"]);
    await project.run(project.bin("vite"), ["build"]);
    const version = await project.version("@sveltejs/kit");
    const port = await freePort();
    const env = { HOST: "127.0.0.1", PORT: String(port) };
    return served(project, process.execPath, ["build/index.js"], env, port, async (url) => ({
      text: await answer(url),
      version,
    }));
  },
};

const metro = {
  name: "Metro for React Native, in QuickJS",
  engine: "js",
  async run(lab) {
    const project = await lab.project("metro", {
      tools: { metro: "0.83.3", "@react-native/babel-preset": "0.83.0", "quickjs-emscripten": "0.32.0" },
      type: "commonjs",
      files: {
        "metro.config.js": `const { getDefaultConfig } = require("metro-config");
          module.exports = (async () => {
            const base = await getDefaultConfig(__dirname);
            return { ...base, projectRoot: __dirname, resetCache: true,
              resolver: { ...base.resolver, unstable_enablePackageExports: true, unstable_conditionNames: ["react-native"], resolverMainFields: ["react-native", "browser", "main"] },
              transformer: { ...base.transformer, babelTransformerPath: require.resolve("./transformer.js") },
            };
          })();`,
        "transformer.js": `const { transformSync } = require("@babel/core");
          module.exports.transform = ({ src, filename, options }) => {
            const { ast } = transformSync(src, { ast: true, code: false, filename, sourceType: "unambiguous", cloneInputAst: false,
              presets: [[require("@react-native/babel-preset"), { unstable_transformProfile: "hermes-stable" }]], babelrc: false, configFile: false });
            return { ast };
          };`,
        "index.js": `${ESM}printed().then((text) => { globalThis.printedText = text; }, (error) => { globalThis.printedText = error + error.stack; });\n`,
        "run.mjs": `import { readFileSync } from "node:fs";
          import { getQuickJS } from "quickjs-emscripten";
          const context = (await getQuickJS()).newContext();
          // What React Native has beside the language.
          context.unwrapResult(context.evalCode("globalThis.window = globalThis; globalThis.self = globalThis; globalThis.console = { warn() {}, log() {}, error() {} }; globalThis.AbortController = class { signal = { aborted: false, addEventListener() {}, removeEventListener() {} }; abort() {} }; globalThis.performance = { now: () => Date.now() }; globalThis.setTimeout = () => 0; globalThis.clearTimeout = () => {}; delete globalThis.WebAssembly;")).dispose();
          const ran = context.evalCode(readFileSync("dist/bundle.js", "utf8"));
          if (ran.error) {
            console.error(context.dump(ran.error));
            process.exit(1);
          }
          context.runtime.executePendingJobs();
          const text = context.unwrapResult(context.evalCode("globalThis.printedText"));
          console.log(context.dump(text));`,
      },
    });
    const words = ["build", "index.js", "--platform", "ios", "--out", "dist/bundle.js", "--config", "metro.config.js"];
    await project.run("mkdir", ["-p", "dist"]);
    await project.run(project.bin("metro"), words);
    return { text: await project.run(process.execPath, ["run.mjs"]), version: await project.version("metro") };
  },
};

export default [...nexts, nextClient, nextCopies, ...nuxt, sveltekit, metro];
