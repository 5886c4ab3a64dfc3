#!/usr/bin/env bash
# Runs tests of the engine, the memory cache, loading and tiers under Miri, with small sizes chosen by `cfg!(miri)`.
# Without arguments it runs all parts: engine, model, memory, loading, tiered. Otherwise it runs those that are named.
set -euo pipefail
cd "$(dirname "$0")/.."

# The tests read clocks and files. The threads of a test runtime may still be there when the test ends.
export MIRIFLAGS="${MIRIFLAGS:--Zmiri-disable-isolation -Zmiri-ignore-leaks}"
# Tests with panics take minutes to print backtraces.
export RUST_BACKTRACE=0

miri() {
  cargo +nightly miri test --target-dir target/miri --package isocache "$@"
}

for part in "${@:-engine model memory loading tiered}"; do
  for one in $part; do
    start=$SECONDS
    case "$one" in
      # Without the advisor, whose samples take hundreds of thousands of lookups.
      engine) miri --lib -- engine:: memory:: --skip advisor ;;
      model) miri --test engine -- model:: ;;
      # Without the rules and the bad input, whose vectors and keys of 64 KiB take minutes to build.
      memory) miri --test memory -- callbacks:: counters:: threads:: ;;
      # Orders of events: writes, stopped polling, detached loads, readers with different windows, tags.
      loading) miri --test load -- interleavings:: unpolled:: ;;
      # The state machines of tiers: which copies may be kept, and for how long they are served.
      tiered) miri --lib -- tiered:: ;;
      *) echo "miri.sh: unknown part: $one (engine, model, memory, loading, tiered)" >&2; exit 2 ;;
    esac
    echo "miri.sh: $one took $((SECONDS - start)) s"
  done
done
