// The documentation site builds; VitePress fails on a link that leads nowhere. Every page is in the sidebar.

import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { run } from "../support/processes.mjs";
import { pages } from "./support/examples.mjs";

const root = fileURLToPath(new URL("../../", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "isocache-docs-"));
after(() => rmSync(folder, { recursive: true, force: true }));

test("the site builds, with every page", async () => {
  await run(join(root, "node_modules/.bin/vitepress"), ["build", ".", "--outDir", folder], { cwd: join(root, "docs") });
  const home = readFileSync(join(folder, "index.html"), "utf8");
  for (const path of pages().filter((path) => path !== "README.md")) {
    const page = path.replace("docs/", "").replace(/\.md$/, ".html");
    assert.ok(existsSync(join(folder, page)), page);
    assert.ok(page === "index.html" || home.includes(`href="/${page}"`), `${page} is not in the sidebar`);
  }
  for (const [, link] of home.matchAll(/href="\/([\w/-]+\.html)"/g)) {
    assert.ok(
      link.startsWith("reference/") || existsSync(join(folder, link)),
      `${link} is in the sidebar and does not exist`,
    );
  }
});
