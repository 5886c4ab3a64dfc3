#!/usr/bin/env bash
# Runs the Rust tests that are compiled to wasm, in Node and in headless Chromium; with --firefox, in headless Firefox.
set -euo pipefail
cd "$(dirname "$0")/.."

# The limit for the test page, in seconds, which only a hang reaches; the default of 20 is short for a busy machine.
export WASM_BINDGEN_TEST_TIMEOUT=1800

# wasm-pack calls it a success when no test was meant for the environment: the count must say otherwise.
run() {
  local log
  log=$(mktemp)
  node tests/servers/for-wasm.mjs wasm-pack test "$@" 2>&1 | tee "$log"
  if ! grep -qE 'test result: ok\. [1-9][0-9]* passed' "$log"; then
    echo "isocache: no test ran under: wasm-pack test $*" >&2
    exit 1
  fi
  rm "$log"
}

cargo build --quiet --package isocache-bridge
if [ "${1:-}" = --firefox ]; then
  for test in web web_worker; do
    run --headless --firefox --mode no-install -- --features http,js --test "$test"
  done
  exit
fi
run --node --mode no-install -- --features http,js --test node
run --node --mode no-install -- --features http,js --lib
for test in web web_worker service_worker; do
  run --headless --chrome --mode no-install -- --features http,js --test "$test"
done
