#!/usr/bin/env bash
# Runs the fuzz targets, each for so many seconds: fuzz/run.sh [SECONDS] [TARGET...]
#
# Needs the nightly toolchain and cargo-fuzz. What they find that is new goes to target/fuzz-corpus; what breaks a check, to
# fuzz/artifacts. An input worth keeping is copied to fuzz/corpus by hand, under a name that says what it is: `make test`
# replays those.
set -euo pipefail
cd "$(dirname "$0")/.."

seconds=${1:-60}
shift || true
[ $# -gt 0 ] || set -- $(cargo +nightly fuzz list)
for target in "$@"; do
  echo "isocache: fuzzing $target for $seconds seconds"
  mkdir -p "target/fuzz-corpus/$target"
  cargo +nightly fuzz run "$target" "target/fuzz-corpus/$target" "fuzz/corpus/$target" -- \
    -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -print_final_stats=1
done
