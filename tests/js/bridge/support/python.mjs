/** Python with a package from PyPI, which is installed once, below the folder of the build. */

import { existsSync, mkdirSync, renameSync } from "node:fs";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { run } from "../../../support/processes.mjs";

const ROOT = fileURLToPath(new URL("../../../../", import.meta.url));

async function installed(name, version) {
  const below = resolve(ROOT, process.env.CARGO_TARGET_DIR ?? "target", "pypi");
  const folder = join(below, `${name}-${version}`);
  if (!existsSync(folder)) {
    mkdirSync(below, { recursive: true });
    // Under another name first, so that the folder is complete whenever it exists.
    const unfinished = `${folder}.${process.pid}`;
    const pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--target", unfinished];
    await run("python3", [...pip, `${name}==${version}`]);
    try {
      renameSync(unfinished, folder);
    } catch (error) {
      // Another process was faster.
      if (!existsSync(folder)) {
        throw error;
      }
    }
  }
  return folder;
}

/** Runs a script with a package; throws with what it has printed if it fails. */
export async function runPython(name, version, script, args) {
  const env = { ...process.env, PYTHONPATH: await installed(name, version), PYTHONDONTWRITEBYTECODE: "1" };
  return run("python3", [script, ...args], { env });
}
