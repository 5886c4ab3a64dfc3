/** Python with a package from PyPI, which is installed once, below the folder of the build. */

import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, renameSync } from "node:fs";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../../../../", import.meta.url));

function installed(name, version) {
  const below = resolve(ROOT, process.env.CARGO_TARGET_DIR ?? "target", "pypi");
  const folder = join(below, `${name}-${version}`);
  if (!existsSync(folder)) {
    mkdirSync(below, { recursive: true });
    // Under another name first, so that what is there is whole.
    const unfinished = `${folder}.${process.pid}`;
    const pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--target", unfinished];
    execFileSync("python3", [...pip, `${name}==${version}`], { stdio: ["ignore", "inherit", "inherit"] });
    try {
      renameSync(unfinished, folder);
    } catch (error) {
      // Somebody else was as quick.
      if (!existsSync(folder)) {
        throw error;
      }
    }
  }
  return folder;
}

/** Runs a script with a package; throws with what it has printed if it fails. */
export function runPython(name, version, script, args) {
  const env = { ...process.env, PYTHONPATH: installed(name, version), PYTHONDONTWRITEBYTECODE: "1" };
  try {
    return execFileSync("python3", [script, ...args], { env, encoding: "utf8", timeout: 60_000, stdio: "pipe" });
  } catch (error) {
    throw new Error(`${script} failed:\n${error.stdout}${error.stderr}`);
  }
}
