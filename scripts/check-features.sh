#!/usr/bin/env bash
# Compiles the library with no feature, with the default ones, and with each feature alone: natively and for WebAssembly.
set -euo pipefail
cd "$(dirname "$0")/.."

features=$(sed -n '/^\[features\]$/,/^\[/s/^\([a-z-]*\) = .*/\1/p' Cargo.toml)

# check FEATURE ARGUMENT...
check() {
  local feature=$1
  shift
  cargo clippy --quiet --lib --no-default-features --features "$feature" "$@" -- -D warnings || {
    echo "isocache: the library does not compile with the feature \"$feature\" alone${1:+ ($*)}" >&2
    exit 1
  }
}

for feature in "" $features; do
  [ "$feature" = js ] || check "$feature"
  [ "$feature" = redis ] || check "$feature" --target wasm32-unknown-unknown
done

# A feature that cannot be there says so, in one sentence.
if error=$(cargo check --quiet --target wasm32-unknown-unknown --features redis 2>&1); then
  echo "isocache: the feature redis compiled to wasm, where it cannot work" >&2
  exit 1
fi
if ! grep -q 'opens sockets, which wasm32 cannot' <<<"$error" || [ "$(grep -c '^error' <<<"$error")" != 2 ]; then
  echo "isocache: the feature redis fails on wasm in other words than ours:" >&2
  echo "$error" >&2
  exit 1
fi
