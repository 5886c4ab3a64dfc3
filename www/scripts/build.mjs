// Builds the simulation for the page, crates/page, into www/built/: its WebAssembly, and the glue that calls it.

import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../..", import.meta.url));
const cargo = (...args) => execFileSync("cargo", args, { cwd: root, stdio: "inherit" });

cargo("build", "--quiet", "--package", "isocache-page", "--profile", "wasm", "--target", "wasm32-unknown-unknown");
const target = process.env.CARGO_TARGET_DIR ?? "target";
const wasm = `${target}/wasm32-unknown-unknown/wasm/isocache_page.wasm`;
cargo("run", "--quiet", "--package", "xtask", "--", "bindings", wasm, "www/built");
