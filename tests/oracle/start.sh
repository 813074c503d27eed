#!/usr/bin/env bash
# `start.sh ENDPOINT` runs oracle.mjs with what package-lock.json says, installed once below target/.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
cache=${CARGO_TARGET_DIR:-$here/../../target}/oracle
mkdir -p "$cache"
place=$(cd "$cache" && pwd)/$(sha256sum "$here/package-lock.json" "$here/oracle.mjs" | sha256sum | cut -c1-12)
# Two tests may start at once; one of them installs.
exec 7>"$place.lock"
flock 7
if [ ! -e "$place/.complete" ]; then
  rm -rf "$place"
  mkdir "$place"
  cp "$here/package.json" "$here/package-lock.json" "$here/oracle.mjs" "$place"
  echo "oracle: installing into $place" >&2
  (cd "$place" && npm ci --no-audit --no-fund) >&2
  touch "$place/.complete"
fi
exec 7>&-
exec node "$place/oracle.mjs" "$@"
