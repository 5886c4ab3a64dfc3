#!/usr/bin/env bash
# Checks that every package can be published: `make release-check`. It publishes nothing.
set -euo pipefail
cd "$(dirname "$0")/.."

step() {
  echo "isocache: $1"
}

if [ -n "$(git status --porcelain 2>/dev/null)" ]; then
  echo "isocache: there are uncommitted changes; publish from a clean tree only" >&2
  [ "${ALLOW_DIRTY:-}" = 1 ] || exit 1
fi

msrv=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml)
step "compiling with Rust $msrv, the oldest that is supported"
if command -v rustup >/dev/null; then
  rustup toolchain list | grep -q "^$msrv" || rustup toolchain install "$msrv" --profile minimal
  toolchain=$(rustup toolchain list | grep -o "^$msrv[^ ]*" | head -n 1)
  cargo "+$toolchain" check --quiet --locked --lib --target-dir target/msrv
  cargo "+$toolchain" check --quiet --locked --lib --bins --all-features --target-dir target/msrv \
    --package isocache --package isocache-bridge
else
  echo "isocache: without rustup, only clippy's list of what is newer than Rust $msrv is checked" >&2
  cargo clippy --quiet --workspace --lib --all-features -- -D clippy::incompatible_msrv
fi

step "documenting as docs.rs does"
if cargo +nightly --version >/dev/null 2>&1; then
  for target in x86_64-unknown-linux-gnu wasm32-unknown-unknown; do
    [ $target != wasm32-unknown-unknown ] || scripts/need.sh wasm-target
    [ -d "$(rustc +nightly --print sysroot)/lib/rustlib/$target" ] || rustup target add --toolchain nightly $target
    RUSTDOCFLAGS="--cfg docsrs -D warnings" cargo +nightly doc --quiet --no-deps --all-features \
      --target $target --target-dir target/docsrs
  done
else
  echo "isocache: skipped, since there is no nightly toolchain" >&2
fi

step "packaging and building every crate, in the order in which they are published"
cargo publish --workspace --dry-run --locked ${ALLOW_DIRTY:+--allow-dirty}

step "packaging the npm package"
npm run --silent release-check

step "everything can be published; RELEASING.md has the steps"
