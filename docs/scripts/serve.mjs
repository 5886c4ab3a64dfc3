// Serves the site that `npm run build` made, on a free port of loopback, or on PORT.

import { fileURLToPath } from "node:url";
import { preview } from "vite";

const server = await preview({
  configFile: false,
  appType: "mpa",
  root: fileURLToPath(new URL("..", import.meta.url)),
  build: { outDir: ".vitepress/dist" },
  preview: { host: "127.0.0.1", port: Number(process.env.PORT ?? 0), strictPort: true },
});
const { port } = server.httpServer.address();
process.stdout.write(`docs: serving on http://127.0.0.1:${port}/\n`);
