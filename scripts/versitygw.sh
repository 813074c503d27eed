#!/usr/bin/env bash
# Prints where the S3 server of the tests is: HANDBACK_VERSITYGW if that is set, else in the PATH, else
# where the test cluster's programs are built. It never goes without.
set -euo pipefail

if [ -n "${HANDBACK_VERSITYGW:-}" ]; then
  echo "$HANDBACK_VERSITYGW"
  exit
fi
if command -v versitygw; then
  exit
fi
cache=${XDG_CACHE_HOME:-$HOME/.cache}/handback
# The newest, if there are several.
found=$(find "$cache" -path '*/programs-*/versitygw' -o -path '*/programs-*/bin/versitygw' 2>/dev/null |
  grep -v '\.making/' | xargs -r ls -t | head -n 1)
if [ -z "$found" ]; then
  echo "versitygw is missing, an S3 server for the tests: \`make cluster-up\` builds it, or \`go install github.com/versity/versitygw/cmd/versitygw@v1.8.0\`" >&2
  exit 1
fi
echo "$found"
