// What a page downloads: each entry bundled, minified and compressed, with all that it imports.

import { fileURLToPath } from "node:url";
import { brotliCompressSync, gzipSync } from "node:zlib";
import { build } from "esbuild";
import { named, SIZE_LIMITS } from "./limits.mjs";
import { ASYNC_PEERS, PEERS } from "./peers.mjs";

const ENTRIES = [
  { name: "isocache/memory", source: 'export * from "isocache/memory"' },
  { name: "isocache", source: 'export * from "isocache"' },
  { name: "isocache/http", source: 'export * from "isocache/http"' },
  ...SIZE_LIMITS.filter(({ names, goal }) => names && goal).map((one) => ({
    name: named(one),
    source: `export { ${one.names.join(", ")} } from "${one.entry}"`,
  })),
  ...PEERS.filter((peer) => peer.source),
  // It imports what only Node has, so it is no bundle for a browser.
  ...ASYNC_PEERS.filter((peer) => peer.source).map((peer) => ({ ...peer, platform: "node" })),
];

export async function sizes() {
  return Promise.all(
    ENTRIES.map(async ({ name, source, platform = "browser" }) => {
      const { outputFiles } = await build({
        stdin: { contents: source, resolveDir: fileURLToPath(new URL(".", import.meta.url)) },
        bundle: true,
        minify: true,
        format: "esm",
        legalComments: "none",
        write: false,
        platform,
      });
      const code = outputFiles[0].contents;
      return {
        name,
        platform,
        minified: code.length,
        gzip: gzipSync(code, { level: 9 }).length,
        brotli: brotliCompressSync(code).length,
      };
    }),
  );
}
