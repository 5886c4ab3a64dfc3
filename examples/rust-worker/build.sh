#!/usr/bin/env bash
# Builds dist/: the worker as wasm, and its glue.
set -euo pipefail
cd "$(dirname "$0")"

target=${CARGO_TARGET_DIR:-target}
cargo build --quiet --release --target wasm32-unknown-unknown --target-dir "$target"
wasm-bindgen --target web --no-typescript --out-dir dist --out-name isocache \
  "$target/wasm32-unknown-unknown/release/isocache_example_rust_worker.wasm"
