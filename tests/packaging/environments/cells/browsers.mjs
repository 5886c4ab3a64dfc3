/** Browsers without a bundler: pages, workers, a strict policy, an extension. */

import { chromium } from "playwright-core";
import { serve } from "../../../js/support/server.mjs";
import { eventually } from "../../../support/waiting.mjs";
import { inChromium, inDriven, OPTIONS, withProfile } from "../browsers.mjs";
import { HTML, PROGRAM } from "../lab.mjs";

const FROM = "/node_modules/isocache/dist";
const unbundled = (entry) =>
  entry === "wasm"
    ? `import * as isocache from "${FROM}/wasm.js";
       const memory = (({ MemoryCache, advisor, escapeGlob }) => ({ MemoryCache, advisor, escapeGlob }))(isocache);\n${PROGRAM}`
    : `import * as isocache from "${FROM}/index.js"; import * as memory from "${FROM}/memory.module.js";\n${PROGRAM}`;
const SHOW = `printed().then((text) => { window.result = JSON.stringify(text); }, (error) => { window.failure = String(error); });\n`;
const policy = (script) => ({
  body: HTML(script),
  headers: { "content-security-policy": "default-src 'self'; script-src 'self'; img-src data:" },
});
const CATCH = '<script>addEventListener("error", ({ message }) => { window.failure = message; });</script>';
const PAGES = {
  "/page.js": unbundled("index") + SHOW,
  "/wasm.js": unbundled("wasm") + SHOW,
  "/page": HTML("/page.js").replace("<body>", `<body>${CATCH}`),
  "/webassembly": HTML("/wasm.js").replace("<body>", `<body>${CATCH}`),
  "/strict": policy("/page.js"),
  "/worker.js": `${unbundled("index")}printed().then((text) => postMessage(text));\n`,
  "/start.js": `const worker = new Worker("/worker.js", { type: "module" });
    worker.onmessage = ({ data }) => { window.result = JSON.stringify(data); };
    worker.onerror = ({ message }) => { window.failure = message; };`,
  "/worker": HTML("/start.js"),
  "/favicon.ico": "",
};
const WHAT = [
  ["page", "/page", "js"],
  ["page, isocache/wasm", "/webassembly", "wasm"],
  ["module worker", "/worker", "js"],
  ["Content-Security-Policy: script-src 'self'", "/strict", "js"],
];

const pages = ["Chromium", "Firefox", "WebKit"].flatMap((browser) =>
  WHAT.map(([what, path, engine]) => ({
    name: `${browser}, ${what}`,
    quick: browser === "Chromium" && path === "/strict",
    engine,
    async run(lab) {
      const { folder } = await lab.project("unbundled", {});
      const open = browser === "Chromium" ? inChromium : (options) => inDriven(browser, options);
      return open({ folder, pages: PAGES, path });
    },
  })),
);

const extension = {
  name: "Chromium, content script of an extension (Manifest V3)",
  engine: "js",
  async run(lab) {
    const { folder, path } = await lab.project("extension", {
      files: {
        "content.js": `${unbundled("index").replaceAll(FROM, "./node_modules/isocache/dist")}
          printed().then((text) => { document.documentElement.dataset.result = text; });`,
      },
    });
    const { build } = await import("esbuild");
    const { mkdir, writeFile } = await import("node:fs/promises");
    await mkdir(path("dist"), { recursive: true });
    const bundle = { entryPoints: ["content.js"], bundle: true, format: "iife", outfile: "dist/content.js" };
    await build({ absWorkingDir: folder, ...bundle });
    const manifest = {
      ...{ manifest_version: 3, name: "test", version: "1" },
      content_scripts: [{ matches: ["http://127.0.0.1/*"], js: ["content.js"] }],
    };
    await writeFile(path("dist/manifest.json"), JSON.stringify(manifest));
    const server = await serve({ pages: { "/": "<!doctype html><title>page</title>", "/favicon.ico": "" } });
    try {
      return await withProfile(async (profile) => {
        const { args, ...options } = OPTIONS();
        const loaded = [`--load-extension=${path("dist")}`, "--disable-features=DisableLoadExtensionCommandLineSwitch"];
        const context = await chromium.launchPersistentContext(profile, {
          ...options,
          // Playwright would start a shell of Chromium that has no extensions.
          ...{
            args: [...args, ...loaded, "--headless=new"],
            ignoreDefaultArgs: ["--disable-extensions", "--headless"],
          },
        });
        try {
          const page = await context.newPage();
          await page.goto(server.url);
          const text = await eventually(
            "the content script",
            () => page.evaluate(() => document.documentElement.dataset.result),
            60_000,
          );
          return { text, version: context.browser()?.version() };
        } finally {
          await context.close();
        }
      });
    } finally {
      await server.close();
    }
  },
};

export default [...pages, extension];
