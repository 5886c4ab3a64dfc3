/** The versions of TypeScript that the types are checked with: one in each workspace of this folder, and that of the root. */

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "./support.mjs";

const folders = readdirSync(join(root, "tests/packaging")).filter((name) => name.startsWith("typescript-"));

/** From the oldest supported one to the newest, which builds the package: `version`, and `tsc`, the path of its compiler. */
export const VERSIONS = ["", ...folders.map((name) => join("tests/packaging", name))]
  .map((folder) => {
    const installed = join(root, folder, "node_modules", "typescript");
    const { version, bin } = JSON.parse(readFileSync(join(installed, "package.json"), "utf8"));
    return { version, tsc: join(installed, bin.tsc) };
  })
  .sort((a, b) => a.version.localeCompare(b.version, "en", { numeric: true }));

/** Whether a version has the resolution of before 2022, which knows no `exports`; newer ones have removed or deprecated it. */
export const hasNode10 = ({ version }) => Number.parseInt(version, 10) < 6;

export const STRICT = {
  target: "ES2022",
  lib: ["ES2022", "ESNext.Disposable", "DOM"],
  types: [],
  strict: true,
  exactOptionalPropertyTypes: true,
  noUncheckedIndexedAccess: true,
  noPropertyAccessFromIndexSignature: true,
  skipLibCheck: false,
  noEmit: true,
};
