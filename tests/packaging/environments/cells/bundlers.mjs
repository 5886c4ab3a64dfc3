/** Bundlers, as their users call them, and what they make in a browser or in Node. */

import { inChromium } from "../browsers.mjs";
import { HTML, PAGE, PRINT_CJS, PRINT_ESM } from "../lab.mjs";

const PAGES = { "index.html": HTML("./page.js"), "page.js": PAGE, "main.mjs": PRINT_ESM, "main.cjs": PRINT_CJS };

const esbuild = [
  { name: "esbuild, esm", args: ["--format=esm"], quick: true },
  { name: "esbuild, iife, minified", args: ["--format=iife", "--minify"], quick: true },
].map(({ name, args, quick }) => ({
  ...{ name, quick, engine: "js" },
  async run(lab) {
    const project = await lab.project("esbuild", { tools: { esbuild: "0.28.2" }, files: PAGES });
    await project.run(project.bin("esbuild"), ["page.js", "--bundle", ...args, "--outfile=dist/page.js"]);
    const pages = { "/index.html": HTML("./page.js", args[0].endsWith("iife") ? "" : 'type="module"') };
    const { text } = await inChromium({ folder: project.path("dist"), pages });
    return { text, version: await project.version("esbuild") };
  },
}));

const esbuildNode = {
  name: "esbuild, for Node",
  quick: true,
  engine: "wasm",
  async run(lab) {
    const project = await lab.project("esbuild", { tools: { esbuild: "0.28.2" }, files: PAGES });
    await project.run(project.bin("esbuild"), ["main.cjs", "--bundle", "--platform=node", "--outfile=dist/main.cjs"]);
    return { text: await project.run(process.execPath, ["dist/main.cjs"]), version: await project.version("esbuild") };
  },
};

const rollup = {
  name: "Rollup",
  engine: "js",
  async run(lab) {
    const project = await lab.project("rollup", {
      tools: { rollup: "4.68.8", "@rollup/plugin-node-resolve": "16.0.3" },
      files: PAGES,
    });
    const words = [
      "page.js",
      "--plugin",
      "node-resolve",
      "--format",
      "es",
      "--file",
      "dist/page.js",
      "--failAfterWarnings",
    ];
    await project.run(project.bin("rollup"), words);
    const { text } = await inChromium({ folder: project.path("dist"), pages: { "/index.html": HTML("./page.js") } });
    return { text, version: await project.version("rollup") };
  },
};

const packs = [
  ["webpack", { webpack: "5.113.0", "webpack-cli": "6.0.1" }],
  ["rspack", { "@rspack/core": "1.7.6", "@rspack/cli": "1.7.6" }],
].flatMap(([name, tools]) =>
  ["browser", "Node"].map((target) => ({
    name: `${name}, for ${target === "Node" ? "Node" : "browsers"}`,
    engine: target === "Node" ? "wasm" : "js",
    async run(lab) {
      const isNode = target === "Node";
      const options = {
        mode: "production",
        entry: isNode ? "./main.cjs" : "./page.js",
        target: isNode ? "node" : "web",
        output: { path: "PATH", filename: isNode ? "main.cjs" : "page.js" },
      };
      const config = `module.exports = ${JSON.stringify(options).replace('"PATH"', '__dirname + "/dist"')};`;
      const project = await lab.project(name, { tools, files: { ...PAGES, "config.cjs": config } });
      const text = await project.run(project.bin(name), [
        ...(name === "rspack" ? ["build"] : []),
        "--config",
        "config.cjs",
      ]);
      if (/warning/i.test(text.replaceAll(/no warnings/gi, ""))) {
        throw new Error(`${name} warns: ${text}`);
      }
      const version = await project.version(Object.keys(tools)[0]);
      if (isNode) {
        return { text: await project.run(process.execPath, ["dist/main.cjs"]), version };
      }
      const pages = { "/index.html": HTML("./page.js") };
      return { ...(await inChromium({ folder: project.path("dist"), pages })), version };
    },
  })),
);

const parcel = [false, true].map((hasExports) => ({
  name: hasExports ? "Parcel, with packageExports" : "Parcel",
  engine: "js",
  async run(lab) {
    const project = await lab.project("parcel", {
      tools: { parcel: "2.16.4" },
      files: PAGES,
      manifest: hasExports ? { "@parcel/resolver-default": { packageExports: true } } : {},
    });
    await project.run(project.bin("parcel"), ["build", "index.html", "--no-cache", "--public-url", "./"]);
    const { text } = await inChromium({ folder: project.path("dist") });
    return { text, version: await project.version("parcel") };
  },
}));

const vite = [
  {
    name: "Vite, build",
    quick: true,
    async run(lab) {
      const project = await lab.project("vite", { tools: { vite: "8.3.8" }, files: PAGES });
      await project.run(project.bin("vite"), ["build", "--base", "./"]);
      return { ...(await inChromium({ folder: project.path("dist") })), version: await project.version("vite") };
    },
  },
  {
    name: "Vite, dev",
    async run(lab) {
      const project = await lab.project("vite", { tools: { vite: "8.3.8" }, files: PAGES });
      const server = project.start(project.bin("vite"), ["--host", "127.0.0.1", "--port", "0"]);
      try {
        const port = await server.said(/127\.0\.0\.1:(\d+)/);
        const page = await inChromium({ url: `http://127.0.0.1:${port}/` });
        return { ...page, version: await project.version("vite") };
      } finally {
        await server.kill();
      }
    },
  },
  {
    name: "Vite, SSR build with the package bundled",
    engine: "wasm",
    async run(lab) {
      const config = 'export default { ssr: { noExternal: true }, build: { outDir: "dist" } };';
      const project = await lab.project("vite", {
        tools: { vite: "8.3.8" },
        files: { ...PAGES, "ssr.config.mjs": config },
      });
      await project.run(project.bin("vite"), ["build", "--config", "ssr.config.mjs", "--ssr", "main.mjs"]);
      return { text: await project.run(process.execPath, ["dist/main.js"]), version: await project.version("vite") };
    },
  },
].map((cell) => ({ engine: "js", ...cell }));

const bun = {
  name: "Bun's bundler, for browsers",
  engine: "js",
  async run(lab) {
    const project = await lab.project("bun", { tools: { bun: "1.4.5" }, files: PAGES });
    await project.run(project.bin("bun"), ["build", "page.js", "--target=browser", "--outfile=dist/page.js"]);
    const { text } = await inChromium({ folder: project.path("dist"), pages: { "/index.html": HTML("./page.js") } });
    return { text, version: await project.version("bun") };
  },
};

export default [...esbuild, esbuildNode, rollup, ...packs, ...parcel, ...vite, bun];
