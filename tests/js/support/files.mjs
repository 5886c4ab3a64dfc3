/** The files of a folder, by their paths from it. */

import { readdirSync } from "node:fs";
import { join } from "node:path";

/** Hidden files and folders are left out: other tests make and remove some meanwhile. So are installed packages. */
export function filesBelow(folder) {
  return readdirSync(folder, { withFileTypes: true })
    .filter(({ name }) => !name.startsWith(".") && name !== "node_modules")
    .flatMap((entry) =>
      entry.isDirectory() ? filesBelow(join(folder, entry.name)).map((name) => `${entry.name}/${name}`) : [entry.name],
    );
}
