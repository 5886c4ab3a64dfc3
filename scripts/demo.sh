#!/usr/bin/env bash
# Serves the embedded store and the page, on loopback: at PORT if that is set, else at 8079, else at a free port.
set -euo pipefail
cd "$(dirname "$0")/.."

port=${PORT:-8079}
if [ -z "${PORT:-}" ] && (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
  port=0
fi
exec "${ISOCACHE_BIN:-${CARGO_TARGET_DIR:-target}/debug/isocache}" serve --listen "127.0.0.1:$port" \
  --static-files www --static-mount /isocache/=pkg/dist
