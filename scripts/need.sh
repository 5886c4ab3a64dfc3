#!/usr/bin/env bash
# Installs what the arguments name, unless it is there; where it may not, says in one sentence what to install.
set -euo pipefail
cd "$(dirname "$0")/.."

fail() {
  echo "isocache: $1" >&2
  exit 1
}

# debian COMMAND PACKAGE...: packages of Debian or Ubuntu that bring a command.
debian() {
  command -v "$1" >/dev/null && return
  shift
  if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    fail "please install $* (on Debian: sudo apt-get install $*)."
  fi
  echo "isocache: installing $*"
  apt-get update -qq >/dev/null
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "$@" >/dev/null
}

# cargo_tool COMMAND CRATE VERSION
cargo_tool() {
  [ "$("$1" --version 2>/dev/null | grep -oE '[0-9]+\.[0-9]+\.[0-9]+' | head -n 1)" = "$3" ] && return
  echo "isocache: installing $2 $3, which takes some minutes"
  cargo install --quiet "$2" --version "$3"
}

for need in "$@"; do
  case $need in
    rust)
      command -v cargo >/dev/null || fail "please install Rust 1.88 or newer (https://rustup.rs)."
      ;;
    wasm-target)
      [ -d "$(rustc --print sysroot)/lib/rustlib/wasm32-unknown-unknown" ] && continue
      command -v rustup >/dev/null || fail "please install the Rust target wasm32-unknown-unknown."
      rustup target add wasm32-unknown-unknown
      ;;
    miri)
      command -v rustup >/dev/null || fail "please install Rust by rustup (https://rustup.rs): Miri is a part of its nightly toolchain."
      rustup component add --toolchain nightly miri rust-src >/dev/null
      ;;
    wasm-bindgen)
      # For the tests in browsers, and for the example of a worker in Rust. The command must be of the version of the
      # crate, to the last digit.
      version=$(grep -A 1 '^name = "wasm-bindgen"$' Cargo.lock | sed -n 's/^version = "\(.*\)"/\1/p')
      cargo_tool wasm-bindgen wasm-bindgen-cli "$version"
      ;;
    wasm-pack)
      cargo_tool wasm-pack wasm-pack 0.15.1
      ;;
    node)
      command -v npm >/dev/null || fail "please install Node.js 20.19 or newer, with npm."
      [ node_modules/.package-lock.json -nt package-lock.json ] && continue
      npm ci --no-audit --no-fund --loglevel error
      touch node_modules/.package-lock.json
      ;;
    chromium)
      debian chromium chromium
      debian chromedriver chromium-driver
      ;;
    firefox)
      debian firefox-esr firefox-esr
      ;;
    webkit)
      debian WebKitWebDriver webkit2gtk-driver
      debian xvfb-run xvfb
      ;;
    geckodriver)
      cargo_tool geckodriver geckodriver 0.37.1
      ;;
    redis)
      debian redis-server redis-server
      debian redis-cli redis-tools
      ;;
    python)
      # For servers and clients from its index of packages; without it, those tests say that they are skipped.
      debian python3 python3 python3-pip
      ;;
    curl)
      debian curl curl
      ;;
    valgrind)
      debian valgrind valgrind
      ;;
    xz)
      debian xz xz-utils
      ;;
    *)
      fail "scripts/need.sh does not know $need."
      ;;
  esac
done
