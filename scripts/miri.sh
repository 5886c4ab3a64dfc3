#!/usr/bin/env bash
# Runs the tests of the engine, of the memory cache and of loading under Miri. They choose small sizes there, by `cfg!(miri)`.
set -euo pipefail
cd "$(dirname "$0")/.."

# The tests read their vectors, and clocks; the threads of a test runtime may still be there when the test ends.
export MIRIFLAGS="${MIRIFLAGS:--Zmiri-disable-isolation -Zmiri-ignore-leaks}"
miri() {
  cargo +nightly miri test --quiet --target-dir target/miri "$@"
}

miri --package isocache --lib -- engine:: memory::
miri --package isocache --test engine -- model::
miri --package isocache --test memory
miri --package isocache --test load -- interleavings::
