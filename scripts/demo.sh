#!/usr/bin/env bash
# Serves the shop on a free port and runs a plan against it: demo.sh PLAN [ARGUMENTS OF run]
#
# The shop ends when the write end of its standard input closes. That end is handed down to
# `handback` (descriptor 9), which this script becomes: however `handback` ends, so does the shop.
set -euo pipefail
cd "$(dirname "$0")/.."

plan=$1
shift
# The customer's password: the shop reads it from the environment, the plan knows only its name.
export SHOP_PASSWORD=${SHOP_PASSWORD:-analytical-engine}

pipes=$(mktemp -d)
mkfifo "$pipes/in" "$pipes/out"
# A process group of its own, so that Ctrl-C reaches handback alone, which may still need the shop.
set -m
node tests/site/server.mjs --port 0 --until-stdin-ends <"$pipes/in" >"$pipes/out" &
set +m
exec 9>"$pipes/in" 8<"$pipes/out"
rm -r "$pipes"
if ! IFS= read -r url <&8; then
  echo 'demo: the shop did not start; its own words are above' >&2
  exit 3
fi
echo "demo: the shop is at $url" >&2

# The browser is kept unless the arguments say how long or not at all.
keep=(--keep-alive)
[[ " $* " == *keep-alive* ]] && keep=()

exec target/debug/handback run --url "$url" --plan-file "$plan" --driver direct \
  --secret SHOP_PASSWORD=env:SHOP_PASSWORD --isolated --video "${keep[@]}" "$@"
