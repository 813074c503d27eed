#!/usr/bin/env bash
# Bundles the pages of this directory, each with its component, and prints where they are. That is
# done once, below target/, and anew when a page or a pin changes; the first time ever installs.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
pages=(input-otp.jsx radix.jsx react-otp-input.jsx vue3-otp-input.js)
cache=${CARGO_TARGET_DIR:-$here/../../target}/codes
mkdir -p "$cache"
what=$(cd "$here" && sha256sum package-lock.json bundle.sh "${pages[@]}" | sha256sum | cut -c1-12)
bundle=$cache/$what
# Two tests may start at once; one of them bundles.
exec 7>"$bundle.lock"
flock 7
if [ ! -e "$bundle/.complete" ]; then
  rm -rf "$bundle"
  mkdir "$bundle"
  cp "$here/package.json" "$here/package-lock.json" "${pages[@]/#/$here/}" "$bundle"
  echo "codes: installing into $bundle" >&2
  npm --prefix "$bundle" ci --no-audit --no-fund >&2
  # Names stay as they are: the pages are read when a test fails.
  (cd "$bundle" && node_modules/.bin/esbuild "${pages[@]}" --bundle --format=iife --jsx=automatic \
    --minify-whitespace --charset=utf8 --define:process.env.NODE_ENV='"production"' \
    --define:__VUE_OPTIONS_API__=true --define:__VUE_PROD_DEVTOOLS__=false \
    --define:__VUE_PROD_HYDRATION_MISMATCH_DETAILS__=false --outdir=out --log-level=warning >&2)
  touch "$bundle/.complete"
fi
exec 7>&-
cd "$bundle/out" && pwd
